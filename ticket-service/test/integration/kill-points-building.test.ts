import { defaultPartitions } from '@ropeline/core/stock/partitions.ts';
import { partitionOfOffer, stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { script, startTap, type Tap } from '../../../testing/tap.ts';
import { until } from '../../../testing/until.ts';
import { afterScript, afterSql, type KillPoint, openSite } from '../support/kill-points.ts';
import { backlogOf } from '../support/stock-redis.ts';

/** `SET` of one word, as the builder sends it: the epoch. */
const opens = 'SET\r\n$1\r\n1\r\n';
const points: readonly KillPoint[] = [
  { name: 'before a partition is shut', ...afterScript('begin_build'), when: 'before' },
  { name: 'after a partition was shut', ...afterScript('begin_build') },
  { name: 'after the first units were written', ...afterScript('build_stock') },
  {
    name: 'after a partition was opened',
    wire: 'redis',
    sends: [script('build_stock'), opens],
    when: 'after',
  },
  { name: 'before it is committed', ...afterSql('insert into stock_life', 'commit'), when: 'before' },
  { name: 'after it was committed', ...afterSql('insert into stock_life', 'commit') },
];

it('a service killed at any point of building a lost stock anew is followed by one that builds it whole', async () => {
  let own: Tap | undefined;
  const postgresBy = async (url: string): Promise<string> => {
    own = cleanedUp(await startTap(url), (it) => it.stop());
    return own.url;
  };
  const site = await openSite({}, { postgresBy });
  const { shop, redis } = site;
  await site.spawn('workers');
  const [one, two] = [await shop.join('testuser1'), await shop.join('testuser2')];
  const { body: sold } = await shop.order(one, { offerId: 11, quantity: 1 }, 'sold');
  expect((await shop.pay(one, sold['orderId'])).status).toBe(200);
  const { body: held } = await shop.order(one, { offerId: 11, quantity: 1 }, 'held');
  await until(async () => (await backlogOf(redis)) === 0);
  const all = Array.from({ length: defaultPartitions }, (_, at) => stockKeys(at));
  const home = stockKeys(partitionOfOffer(11, defaultPartitions));

  for (const at of points) {
    const before = await redis.get(home.epoch);
    const taps = await site.taps();
    const victim = await site.spawn('ticket-service', taps);
    for (const { url } of [victim, shop.running])
      await until(async () => (await fetch(`${url}/health/ready`)).ok);
    const reached = taps[at.wire].freezeAt(at);
    // The other service must not be the one that builds it: it does not come to the lock meanwhile.
    void own?.freezeAt({ sends: ['pg_advisory_xact_lock'], when: 'before' });
    await redis.flushall();
    await reached;
    await victim.kill();
    for (const wire of Object.values(taps)) wire.thaw();
    own?.thaw();
    await until(async () => {
      const { rows } = await shop.pool.query<{ epoch: string }>('select epoch from stock_life');
      const epochs = await Promise.all(all.map(({ epoch }) => redis.get(epoch)));
      const life = rows[0]?.epoch;
      return life !== before && epochs.every((epoch) => epoch === life);
    });
    expect(await redis.hgetall(home.offer(11)), at.name).toEqual({ capacity: '3', held: '1', sold: '1' });
    expect(await redis.hgetall(home.members(11)), at.name).toEqual({ testuser1: '2' });
    const holds = await Promise.all(all.map((keys) => redis.zrange(keys.holds, '0', '-1')));
    expect(holds.flat(), at.name).toEqual([held['orderId']]);
  }

  const last = await until(async () => {
    const answer = await shop.order(two, { offerId: 11, quantity: 1 });
    return answer.status !== 503 && answer;
  });
  expect(last.status).toBe(201);
  expect(await shop.order(two, { offerId: 11, quantity: 1 })).toMatchObject({ status: 409 });
  expect((await shop.order(one, { offerId: 11, quantity: 1 }, 'sold')).body).toMatchObject({
    orderId: sold['orderId'],
    state: 'COMPLETED',
  });
}, 240_000);
