import { startBenchProcess } from './lib/bench-process.ts';
import { ratioOf, shownSpread, spreadOf, table } from './lib/rounds.ts';
import { wrk } from './lib/wrk.ts';

/**
 * What the gateway costs before it does anything of its own: the transport against an empty handler of the library
 * below it, and a proxied request against the same site asked directly. Ratios are taken round by round. The
 * measured process has core 0; wrk, and the site behind the proxy, share core 1.
 */
const rounds = 3;
const seconds = 2;
const connections = 64;
const servers = new URL('./lib/proxy-servers.ts', import.meta.url);
const goals = { transport: 0.7, proxied: 0.4 };

const bare = await startBenchProcess(servers, ['bare'], 0);
const transport = await startBenchProcess(servers, ['transport'], 0);
const direct = await startBenchProcess(servers, ['site'], 0);
const site = await startBenchProcess(servers, ['site'], 1);
const proxied = await startBenchProcess(servers, ['proxy', site.url], 0);
const targets = { bare, transport, direct, proxied };

const perSecond: Record<keyof typeof targets, number[]> = {
  bare: [],
  transport: [],
  direct: [],
  proxied: [],
};
const p99Ms: Record<keyof typeof targets, number[]> = { bare: [], transport: [], direct: [], proxied: [] };
let failures = 0;
try {
  for (let round = -1; round < rounds; round++) {
    for (const name of ['bare', 'transport', 'direct', 'proxied'] as const) {
      const warming = round < 0;
      const url = `${targets[name].url}/api/offers/1`;
      const result = await wrk(url, { connections, seconds: warming ? 1 : seconds, core: 1 });
      if (warming) continue;
      perSecond[name].push(result.perSecond);
      p99Ms[name].push(result.p99Ms);
      failures += result.failed + result.refused;
    }
  }
} finally {
  await Promise.all([bare, transport, direct, site, proxied].map((server) => server.stop()));
}

const row = (name: keyof typeof targets, base: keyof typeof targets, goal?: number): string[] => [
  name,
  shownSpread(spreadOf(perSecond[name]), 0),
  shownSpread(spreadOf(p99Ms[name]), 1),
  goal === undefined ? '' : shownSpread(ratioOf(perSecond[name], perSecond[base])),
  goal === undefined ? '' : `>= ${goal.toFixed(2)} of ${base}`,
];
console.log(
  table([
    [`GET, 64 B JSON, ${connections} connections`, 'requests/s', 'p99 ms', 'ratio', 'goal'],
    row('bare', 'bare'),
    row('transport', 'bare', goals.transport),
    row('direct', 'direct'),
    row('proxied', 'direct', goals.proxied),
  ]),
);
if (failures > 0) console.log(`${failures} requests failed`);
const reached =
  failures === 0 &&
  ratioOf(perSecond.transport, perSecond.bare).median >= goals.transport &&
  ratioOf(perSecond.proxied, perSecond.direct).median >= goals.proxied;
process.exitCode = reached ? 0 : 1;
