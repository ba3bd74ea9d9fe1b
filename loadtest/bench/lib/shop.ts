import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectPostgres, type Pool } from '@ropeline/core/postgres/connect.ts';
import { EntrySigner } from '@ropeline/core/token/entry-token.ts';
import { freePort } from '../../../scripts/services/free-port.ts';
import { startPostgres } from '../../../scripts/services/postgres-server.ts';
import { startRedis } from '../../../scripts/services/redis-server.ts';
import { newEntryKey } from '../../../scripts/start/secrets.ts';
import { seedDemo } from '../../../ticket-service/src/demo/seed-demo.ts';
import { AccessTokens } from '../../../ticket-service/src/members/access-tokens.ts';
import { runMigrations } from '../../../ticket-service/src/migrations.ts';
import { benchLog } from './bench-room.ts';
import { type Probed, startProbed } from './probed.ts';

/** A ticket service of the benchmark's own, with the demo in it, and the keys to its door. */
export type Shop = {
  readonly url: string;
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly pool: Pool;
  readonly service: Probed;
  /** Of room `demo`. */
  entryToken(visitor: string): Promise<string>;
  accessToken(member: string): Promise<string>;
  /** What else the whole needs: the real workers. Ends with the rest. */
  startWorkers(): Promise<Probed>;
  /** Fast shutdown, as an operator's; and back, on the same files and port. */
  stopPostgres(): Promise<void>;
  restartPostgres(): Promise<void>;
  stop(): Promise<void>;
};

type Options = {
  /** Runs after the seed and before the service begins. */
  readonly prepare?: (pool: Pool) => Promise<unknown>;
  readonly env?: Readonly<Record<string, string>>;
  /** Cores of their own for service and Redis; default true. */
  readonly pinned?: boolean;
};

const main = fileURLToPath(new URL('../../../ticket-service/src/main.ts', import.meta.url));
const workersMain = fileURLToPath(new URL('../../../workers/src/main.ts', import.meta.url));
const memberSecret = 'the secret of the benchmark: 32 bytes and more';

/** Redis syncs every write. Where pinned, the service has core 0 and Redis shares core 1 with whoever sends the load. */
export async function startShop({ prepare, env = {}, pinned = true }: Options = {}): Promise<Shop> {
  const stops: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.toReversed()) await end();
  };
  const folder = mkdtempSync(join(tmpdir(), 'ropeline-bench-'));
  stops.push(() => rmSync(folder, { recursive: true, force: true }));
  try {
    const redis = await startRedis({ folder: join(folder, 'redis'), appendfsync: 'always' });
    stops.push(() => redis.stop());
    if (pinned) spawnSync('taskset', ['-acp', '1', String(redis.pid)]);
    let postgres = await startPostgres({ folder: join(folder, 'postgres') });
    stops.push(() => postgres.stop());
    await runMigrations(postgres.url, benchLog);
    await seedDemo({ databaseUrl: postgres.url, log: benchLog, sourceSystems: false });
    const pool = connectPostgres(postgres.url, { name: 'bench', log: benchLog });
    stops.push(() => pool.end());
    await prepare?.(pool);
    const signer = await EntrySigner.create([newEntryKey()]);
    const keys = await serveKeys(signer);
    stops.push(() => keys.close());
    const port = await freePort();
    const service = startProbed(
      main,
      [],
      {
        TICKET_REDIS_URL: redis.url,
        DATABASE_URL: postgres.url,
        TICKET_PORT: String(port),
        MEMBER_SECRET: memberSecret,
        ENTRY_JWKS_URL: keys.url,
        BIND_ADDRESS: '127.0.0.1',
        SOURCE_ROUTES: 'true',
        RECONCILE_SECONDS: '0',
        LOG_LEVEL: 'error',
        ...env,
      },
      pinned ? 0 : undefined,
    );
    stops.push(() => service.stop());
    await service.message((said) => (said === 'ready' ? true : undefined));
    return {
      url: `http://127.0.0.1:${port}`,
      redisUrl: redis.url,
      databaseUrl: postgres.url,
      pool,
      service,
      entryToken: (visitor) => entryToken(signer, visitor),
      accessToken,
      async startWorkers() {
        const workers = startProbed(workersMain, [], {
          TICKET_REDIS_URL: redis.url,
          DATABASE_URL: postgres.url,
          WORKERS_PORT: '0',
          LOG_LEVEL: 'error',
        });
        stops.push(() => workers.stop());
        await workers.message((said) => (said === 'ready' ? true : undefined));
        return workers;
      },
      stopPostgres: () => postgres.stop(),
      async restartPostgres() {
        postgres = await startPostgres({ folder: join(folder, 'postgres'), port: postgres.port });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const issuer = new AccessTokens(memberSecret);

async function accessToken(id: string): Promise<string> {
  return (await issuer.issue({ id, role: 'member', sessionId: undefined })).token;
}

function entryToken(signer: EntrySigner, sub: string): Promise<string> {
  const iat = Math.floor(Date.now() / 1_000);
  const claims = { iss: 'ropeline', aud: 'demo', sub, jti: `${sub}.1`, lane: 'standard' };
  return signer.sign({ ...claims, iat, nbf: iat, exp: iat + 1_800 });
}

async function serveKeys({ jwks }: EntrySigner): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(jwks));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A listening TCP server has such an address.
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}
