import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { startRedis } from '../../scripts/services/redis-server.ts';
import { startBenchProcess } from './lib/bench-process.ts';
import { ratioOf, shownSpread, spreadOf, table } from './lib/rounds.ts';
import { wrk } from './lib/wrk.ts';

/**
 * Joins over HTTP (a random id, one batched script, a signed ticket and a cookie) and status polls (ticket checked,
 * numbers from memory) against an empty handler of the library below, round by round. The measured process has
 * core 0; wrk and Redis share core 1. The queue grows to some hundred thousand while it runs.
 */
const rounds = 3;
const seconds = 2;
const connections = 256;
const goals = { joins: 0.6, polls: 0.7 };

const folder = mkdtempSync(join(tmpdir(), 'ropeline-bench-'));
const post = join(folder, 'post.lua');
writeFileSync(post, 'wrk.method = "POST"\n');
const redis = await startRedis();
const bare = await startBenchProcess(new URL('./lib/proxy-servers.ts', import.meta.url), ['bare'], 0);
const gateway = await startBenchProcess(new URL('./lib/queue-servers.ts', import.meta.url), [redis.url], 0);

const perSecond = {
  bare: [] as number[],
  bareAgain: [] as number[],
  joins: [] as number[],
  polls: [] as number[],
};
const p99Ms = {
  bare: [] as number[],
  bareAgain: [] as number[],
  joins: [] as number[],
  polls: [] as number[],
};
let failures = 0;
try {
  const room = `${gateway.url}/_ropeline/rooms/bench`;
  const status = (await (await fetch(`${room}/join`, { method: 'POST' })).json()) as Status;
  const asked = { authorization: `Bearer ${status.place}` };
  const runs = {
    bare: () => wrk(bare.url, { connections, seconds, core: 1 }),
    joins: () => wrk(`${room}/join`, { connections, seconds, core: 1, script: post }),
    bareAgain: () => wrk(bare.url, { connections, seconds, core: 1 }),
    polls: () => wrk(`${room}/status`, { connections, seconds, core: 1, headers: asked }),
  };
  for (let round = -1; round < rounds; round++) {
    for (const name of ['bare', 'joins', 'bareAgain', 'polls'] as const) {
      const result = await runs[name]();
      if (round < 0) continue;
      perSecond[name].push(result.perSecond);
      p99Ms[name].push(result.p99Ms);
      failures += result.failed + result.refused;
    }
  }
} finally {
  await Promise.all([bare.stop(), gateway.stop()]);
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
}

const row = (name: keyof typeof perSecond, ratio: string, goal: string): string[] => [
  name,
  shownSpread(spreadOf(perSecond[name]), 0),
  shownSpread(spreadOf(p99Ms[name]), 1),
  ratio,
  goal,
];
const joins = ratioOf(perSecond.joins, perSecond.bare);
const polls = ratioOf(perSecond.polls, perSecond.bareAgain);
console.log(
  table([
    [`${connections} connections`, 'requests/s', 'p99 ms', 'ratio', 'goal'],
    row('bare', '', ''),
    row('joins', shownSpread(joins), `>= ${goals.joins.toFixed(2)} of bare`),
    row('bareAgain', '', ''),
    row('polls', shownSpread(polls), `>= ${goals.polls.toFixed(2)} of bareAgain`),
  ]),
);
if (failures > 0) console.log(`${failures} requests failed`);
process.exitCode = failures === 0 && joins.median >= goals.joins && polls.median >= goals.polls ? 0 : 1;
