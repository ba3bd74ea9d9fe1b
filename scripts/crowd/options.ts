import { parseArgs } from 'node:util';

export type CrowdOptions = {
  readonly visitors: number;
  readonly url: string;
  readonly room: string;
  readonly buy: boolean;
  readonly arriveSeconds: number;
  readonly maxMinutes: number;
};

/** A process has some 20,000 sockets at most, and some systems far fewer. */
const maxVisitors = 10_000;

export const crowdHelp = `npm run crowd -- [visitors] [--room demo] [--url http://127.0.0.1:8080] [--buy] [--arrive 5] [--minutes 10]

Sends a crowd (default 100, at most ${maxVisitors}) through a waiting room: each visitor joins, waits on a WebSocket,
claims the turn when it comes and leaves. Ctrl-C lets all leave.

  --buy       who is in also logs in as testuser<n>, orders a ticket of offer 1 and pays
  --arrive    seconds within which they come
  --minutes   after which those still waiting leave`;

/** Undefined = help was asked for. Throws an instruction for what it does not understand. */
export function readCrowdOptions(args: readonly string[], defaultUrl: string): CrowdOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      room: { type: 'string', default: 'demo' },
      url: { type: 'string', default: defaultUrl },
      buy: { type: 'boolean', default: false },
      arrive: { type: 'string', default: '5' },
      minutes: { type: 'string', default: '10' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    visitors: number('visitors', positionals[0] ?? '100', 1, maxVisitors),
    url: new URL(values.url).origin,
    room: values.room,
    buy: values.buy,
    arriveSeconds: number('--arrive', values.arrive, 0, 3_600),
    maxMinutes: number('--minutes', values.minutes, 1, 24 * 60),
  };
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${name} must be a whole number from ${min} to ${max}, not "${text}".\n\n${crowdHelp}`);
  }
  return value;
}
