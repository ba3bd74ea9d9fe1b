import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBenchProcess } from './lib/bench-process.ts';
import { writeOrderScript } from './lib/order-script.ts';
import { ratioOf, shownSpread, spreadOf, table } from './lib/rounds.ts';
import { startShop } from './lib/shop.ts';
import { wrk } from './lib/wrk.ts';

/**
 * `POST /api/orders` over HTTP, entry and access token checked (each was seen before: verified tokens are
 * remembered), against an empty Fastify handler that is sent the same requests, round by round: units reserved, and
 * refused because all is sold. The measured process has core 0; wrk and the stock Redis, which syncs every write,
 * share core 1. No workers run: what they cost is another benchmark's.
 */
const rounds = 3;
const seconds = 3;
const connections = 256;
const members = 4_000;
const goals = { reserve: 0.25, soldOut: 0.75 };
const offers = { open: 1001, soldOut: 1002 } as const;
const names = ['bare', 'reserve', 'bareAgain', 'soldOut'] as const;
type Name = (typeof names)[number];

const folder = mkdtempSync(join(tmpdir(), 'ropeline-bench-'));
const bare = await startBenchProcess(new URL('./lib/empty-shop.ts', import.meta.url), [], 0);
const shop = await startShop({
  env: { OUTBOX_LIMIT: '10000000' },
  prepare: (pool) =>
    pool.query(`with made as (
        insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms)
        select id, 'pool', 'bench', units, 50000, 'KRW', '{demo}'
        from (values (${offers.open}, 10000000), (${offers.soldOut}, 1)) as given (id, units) returning offer_id
      ) insert into source_offers (kind, source_id, offer_id)
        select 'ticket', offer_id, offer_id from made where offer_id = ${offers.soldOut}`),
});

const perSecond: Record<Name, number[]> = { bare: [], reserve: [], bareAgain: [], soldOut: [] };
const p99Ms: Record<Name, number[]> = { bare: [], reserve: [], bareAgain: [], soldOut: [] };
let wrong = 0;
try {
  await buyTheOne();
  const pairs = await Promise.all(
    Array.from({ length: members }, async (_, at) => ({
      accessToken: await shop.accessToken(`testuser${at + 1}`),
      entryToken: await shop.entryToken(`visitor${at + 1}`),
    })),
  );
  for (let round = -1; round < rounds; round += 1) {
    for (const name of names) {
      const script = join(folder, 'order.lua');
      const offerId = name === 'soldOut' ? offers.soldOut : offers.open;
      writeOrderScript(script, { offerId, pairs, run: `${name}${round}` });
      const url = name === 'bare' || name === 'bareAgain' ? bare.url : shop.url;
      const result = await wrk(url, { connections, seconds, core: 1, script });
      wrong += result.failed;
      if (name !== 'soldOut') wrong += result.refused;
      // All but the answers that came as the clock ran out.
      else if (result.refused < result.perSecond * seconds * 0.9) wrong += 1;
      if (round < 0) continue;
      perSecond[name].push(result.perSecond);
      p99Ms[name].push(result.p99Ms);
    }
  }
} finally {
  await bare.stop();
  await shop.stop();
  rmSync(folder, { recursive: true, force: true });
}

const reserve = ratioOf(perSecond.reserve, perSecond.bare);
const soldOut = ratioOf(perSecond.soldOut, perSecond.bareAgain);
const row = (name: Name, what: string, ratio = '', goal = ''): string[] => [
  what,
  shownSpread(spreadOf(perSecond[name]), 0),
  shownSpread(spreadOf(p99Ms[name]), 1),
  ratio,
  goal,
];
console.log(
  table([
    [`${connections} connections, ${members} members`, 'requests/s', 'p99 ms', 'ratio', 'goal'],
    row('bare', 'empty handler'),
    row('reserve', 'reserved, 201', shownSpread(reserve), `>= ${goals.reserve}`),
    row('bareAgain', 'empty handler'),
    row('soldOut', 'sold out, 409', shownSpread(soldOut), `>= ${goals.soldOut}`),
  ]),
);
if (wrong > 0) console.log(`${wrong} answers were not what was asked for`);
process.exitCode = wrong === 0 && reserve.median >= goals.reserve && soldOut.median >= goals.soldOut ? 0 : 1;

/** The one unit there is; nobody who asks later has ordered before. */
async function buyTheOne(): Promise<void> {
  const answer = await fetch(`${shop.url}/ticket/reserve/${offers.soldOut}`, {
    method: 'POST',
    headers: {
      'x-access-token': await shop.accessToken('host1'),
      'x-ropeline-entry': await shop.entryToken('first'),
    },
  });
  if (!answer.ok) throw new Error(`the one unit was not sold: ${answer.status} ${await answer.text()}`);
}
