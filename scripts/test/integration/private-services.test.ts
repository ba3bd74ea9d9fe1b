import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { freePort } from '../../services/free-port.ts';
import { postgresAnswers, startPostgres } from '../../services/postgres-server.ts';
import { startRedis } from '../../services/redis-server.ts';
import { Fleet } from '../../start/fleet.ts';
import { postgresProgram, redisProgram } from '../../start/private-services.ts';
import { identify } from '../../start/process-identity.ts';
import { ranks } from '../../start/service-programs.ts';
import { Wake } from '../../start/wake.ts';

let dataDir: string;
let fleet: Fleet;

beforeEach(() => {
  dataDir = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-private ')), (path) =>
    rmSync(path, { recursive: true }),
  );
  mkdirSync(join(dataDir, 'logs'));
  const wake = cleanedUp(new Wake(join(dataDir, 'logs', 'start.log')), (one) => one.end());
  fleet = cleanedUp(new Fleet({ say: () => undefined, wake, onFailure: () => undefined }), (one) =>
    one.stop(),
  );
});

test('a Redis that was left over on the folder is ended before a new one serves it', async () => {
  const folder = join(dataDir, 'queue-redis');
  const old = cleanedUp(await startRedis({ folder, appendfsync: 'everysec' }), (one) => one.kill());
  const port = await freePort();
  await fleet.start(redisProgram('queue-redis', { dataDir, port, binary: 'redis-server' }), ranks.data);
  expect(identify(old.pid)).toBeUndefined();
});

test('a Postgres that was left over is ended, and the lock of one that was killed does not stop the next', async () => {
  const old = cleanedUp(await startPostgres({ folder: join(dataDir, 'postgres') }), (one) => one.kill());
  const port = await freePort();
  const program = postgresProgram({ dataDir, port });
  await fleet.start(program, ranks.data);
  expect(identify(old.pid)).toBeUndefined();
  await fleet.stop();

  // The process id in the lock is somebody else's by now.
  writeFileSync(join(dataDir, 'postgres/data/postmaster.pid'), `${process.ppid}\n${dataDir}/postgres/data\n`);
  const wake = cleanedUp(new Wake(join(dataDir, 'logs', 'start.log')), (one) => one.end());
  const next = cleanedUp(new Fleet({ say: () => undefined, wake, onFailure: () => undefined }), (one) =>
    one.stop(),
  );
  await next.start(program, ranks.data);
  expect(await postgresAnswers(port)).toBe(true);
});
