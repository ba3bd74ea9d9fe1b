import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  createDatabase,
  type PostgresCommand,
  postgresAnswers,
  postgresUrl,
  preparePostgres,
} from '../services/postgres-server.ts';
import { redisAnswers, redisArguments } from '../services/redis-server.ts';
import { identify, isAlive, signal } from './process-identity.ts';
import type { Program } from './program.ts';
import { Refusal } from './refusal.ts';

type Place = { readonly dataDir: string; readonly port: number };

/** A private Redis; the stock's syncs its file before it answers, the queue's once a second. */
export function redisProgram(
  name: 'queue-redis' | 'stock-redis',
  { dataDir, port, binary }: Place & { readonly binary: string },
): Program {
  const folder = join(dataDir, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const appendfsync = name === 'stock-redis' ? 'always' : 'everysec';
  return {
    name,
    command: binary,
    args: redisArguments(port, { folder, appendfsync }),
    env: process.env,
    cwd: folder,
    logFile: join(dataDir, 'logs', `${name}.log`),
    stopSignal: 'SIGTERM',
    ready: { answers: () => redisAnswers(port) },
    prepare: () => endLeftOvers(folder),
  };
}

/** A private Postgres with the database `ropeline`. */
export function postgresProgram({ dataDir, port }: Place): Program {
  const folder = join(dataDir, 'postgres');
  const { command, args, env, identity } = prepare(folder, port);
  return {
    name: 'postgres',
    command,
    args,
    env,
    // Where it runs as another user it could not enter our folder.
    cwd: '/',
    identity,
    logFile: join(dataDir, 'logs', 'postgres.log'),
    // Fast shutdown: sessions are ended, files are synced.
    stopSignal: 'SIGINT',
    ready: {
      async answers() {
        if (!(await postgresAnswers(port))) return false;
        await createDatabase(postgresUrl(port, 'postgres'), 'ropeline');
        return true;
      },
    },
    async prepare() {
      const data = join(folder, 'data');
      await endLeftOvers(data);
      // Left by a killed Postgres; its process id may be somebody else's by now, and Postgres would give up.
      if (existsSync(join(data, 'postmaster.pid'))) rmSync(join(data, 'postmaster.pid'));
    },
  };
}

function prepare(folder: string, port: number): PostgresCommand {
  try {
    return preparePostgres(folder, port);
  } catch (cause) {
    throw new Refusal(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/**
 * Ends servers that still work in a folder, left by a start that was killed together with its mourner: two servers
 * on the same files would ruin them. The caller holds the lock of the data folder, so whoever is there is left over.
 */
async function endLeftOvers(folder: string): Promise<void> {
  const found = serversIn(folder);
  for (const one of found) signal(one, 'SIGINT');
  const deadline = performance.now() + 5_000;
  while (found.some(isAlive) && performance.now() < deadline) await delay(50);
  for (const one of found) signal(one, 'SIGKILL');
  while (found.some(isAlive)) await delay(20);
}

/** Redis titles itself `redis-server 127.0.0.1:port`, so a server is known by the folder that it works in. */
function serversIn(folder: string): { pid: number; since: string }[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => isServerIn(name, folder))
    .flatMap((name) => identify(Number(name)) ?? []);
}

function isServerIn(pid: string, folder: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const program = words[0] ?? '';
    if (/(^|\/)postgres$/.test(program)) return words.includes(folder);
    return /redis-server/.test(program) && readlinkSync(`/proc/${pid}/cwd`) === folder;
  } catch {
    return false;
  }
}
