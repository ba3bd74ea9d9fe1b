import { type Logger, pino, stdTimeFunctions } from 'pino';

export type { Logger } from 'pino';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** One JSON line per event on standard output. Tokens, passwords and cookies are cut out wherever they stand. */
export function createLog(process: string, level: LogLevel): Logger {
  return pino({
    level,
    base: { process },
    timestamp: stdTimeFunctions.isoTime,
    redact: {
      paths: [
        'req.headers.authorization',
        'req.headers.cookie',
        'req.headers["x-ropeline-entry"]',
        'req.headers["x-access-token"]',
        '*.password',
        '*.token',
        // What an error of Redis was answered to: keys with ids of members, and the whole script.
        'err.command',
      ],
      censor: '[cut]',
    },
  });
}
