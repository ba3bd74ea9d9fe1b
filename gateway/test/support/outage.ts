import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RedisServer, startRedis } from '../../../scripts/services/redis-server.ts';
import { cleanedUp } from '../../../testing/scope.ts';

export const waysOfGoing = ['killed', 'hung'] as const;
export type WayOfGoing = (typeof waysOfGoing)[number];

export type FallibleRedis = {
  readonly url: string;
  /** Killed as by a crash, or stopped so that its connections stand and nothing answers. */
  goAway(how: WayOfGoing): Promise<void>;
  /** With all that it had. */
  comeBack(): Promise<void>;
};

/** A Redis of the test's own that loses nothing when it is killed. */
export async function startFallibleRedis(): Promise<FallibleRedis> {
  const folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-redis-')), (path) =>
    rmSync(path, { recursive: true }),
  );
  let server: RedisServer = await startRedis({ folder, appendfsync: 'always' });
  const { url, port } = server;
  let went: WayOfGoing | undefined;
  const redis: FallibleRedis = {
    url,
    async goAway(how) {
      went = how;
      if (how === 'killed') await server.kill();
      else process.kill(server.pid, 'SIGSTOP');
    },
    async comeBack() {
      if (went === 'killed') server = await startRedis({ folder, appendfsync: 'always', port });
      else process.kill(server.pid, 'SIGCONT');
      went = undefined;
    },
  };
  return cleanedUp(redis, () => server.kill());
}
