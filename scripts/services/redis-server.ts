import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startChild, stopChild } from './child.ts';
import { freePort } from './free-port.ts';

export type RedisServer = {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
  /** As a crash would: SIGKILL. */
  readonly kill: () => Promise<void>;
  readonly exited: Promise<void>;
};

export type RedisOptions = {
  /** Path of the redis-server binary. */
  readonly binary?: string;
  /** Where its files go; none = nothing is kept. */
  readonly folder?: string;
  /** `everysec` for the queue, `always` for the stock; none = no append-only file. */
  readonly appendfsync?: 'everysec' | 'always';
  readonly port?: number;
  readonly detached?: boolean;
  /** Further words of its command line. */
  readonly words?: readonly string[];
};

/** Starts a private Redis on loopback and waits until it answers. Throws with its last words when it dies. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const port = options.port ?? (await freePort());
  if (options.folder !== undefined) mkdirSync(options.folder, { recursive: true });
  const child = startChild(
    options.binary ?? 'redis-server',
    [...redisArguments(port, options), ...(options.words ?? [])],
    { detached: options.detached ?? false },
  );
  const exited = new Promise<void>((resolve) => child.process.once('exit', () => resolve()));
  await untilAnswering(
    port,
    () => child.process.exitCode !== null || child.process.pid === undefined,
    child.tail,
  );
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.process.pid as number,
    stop: () => stopChild(child.process),
    kill: () => stopChild(child.process, 'SIGKILL'),
    exited,
  };
}

/** Command line of a private Redis: loopback only, no snapshots, memory is never freed by forgetting keys. */
export function redisArguments(
  port: number,
  { folder, appendfsync }: Pick<RedisOptions, 'folder' | 'appendfsync'>,
): string[] {
  const persistence =
    appendfsync === undefined
      ? ['--appendonly', 'no']
      : ['--appendonly', 'yes', '--appendfsync', appendfsync];
  return [
    ...['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--maxmemory-policy', 'noeviction'],
    ...['--dir', folder ?? '/tmp', '--daemonize', 'no', '--logfile', ''],
    // Without a folder of its own another's snapshot (a replica writes one) must not be found.
    ...(folder === undefined ? ['--dbfilename', `unkept-${port}.rdb`] : []),
    ...persistence,
  ];
}

async function untilAnswering(port: number, dead: () => boolean, tail: () => string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    if (dead()) throw new Error(`Redis did not start:\n${tail()}`);
    // Its own word too: another Redis that has the port would answer as well.
    if (tail().includes('Ready to accept connections') && (await redisAnswers(port))) return;
    await delay(20);
  }
  throw new Error(`Redis did not answer on port ${port}:\n${tail()}`);
}

/** Whether a Redis on loopback answers PING, or asks for a password: false while it still loads its file. */
export function redisAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once('error', () => end(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => end(/^(\+PONG|-NOAUTH)/.test(data.toString())));
  });
}
