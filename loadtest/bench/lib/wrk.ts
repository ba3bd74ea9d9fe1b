import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pinned } from './pinned.ts';

export type WrkOptions = {
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A wrk script, for other methods and bodies. */
  readonly script?: string;
  /** The core that wrk runs on. */
  readonly core?: number;
};

export type WrkResult = {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers outside 2xx and 3xx. */
  readonly refused: number;
  /** Connections that failed, in any way. */
  readonly failed: number;
};

const run = promisify(execFile);

/** Loads one address with wrk from PATH. */
export async function wrk(url: string, options: WrkOptions): Promise<WrkResult> {
  const headers = Object.entries(options.headers ?? {}).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ]);
  const script = options.script === undefined ? [] : ['-s', options.script];
  const connections = String(options.connections);
  const args = [
    '-t1',
    '-c',
    connections,
    '-d',
    `${options.seconds}s`,
    '--latency',
    ...headers,
    ...script,
    url,
  ];
  const [command, ...rest] = pinned(options.core, ['wrk', ...args]);
  try {
    const { stdout } = await run(command, rest);
    return parseWrk(stdout);
  } catch (error) {
    const missing = (error as { code?: string }).code === 'ENOENT';
    throw new Error(missing ? 'wrk is not on PATH; Debian: apt install wrk' : `wrk failed on ${url}`, {
      cause: error,
    });
  }
}

export function parseWrk(text: string): WrkResult {
  const perSecond = /Requests\/sec:\s+([\d.]+)/.exec(text)?.[1];
  if (perSecond === undefined) throw new Error(`wrk printed no rate:\n${text}`);
  const errors =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  return {
    perSecond: Number(perSecond),
    p50Ms: milliseconds(/^\s+50%\s+(\S+)/m.exec(text)?.[1]),
    p99Ms: milliseconds(/^\s+99%\s+(\S+)/m.exec(text)?.[1]),
    refused: Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0),
    failed: errors.reduce((sum, count) => sum + Number(count), 0),
  };
}

const unitMs: Record<string, number> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

function milliseconds(text = ''): number {
  const [, amount, unit = ''] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? [];
  return amount === undefined ? Number.NaN : Number(amount) * (unitMs[unit] ?? Number.NaN);
}
