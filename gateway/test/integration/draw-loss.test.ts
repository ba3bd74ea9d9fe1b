import { expect, it } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import {
  hold,
  join,
  joinAndHold,
  joinByTurns,
  line,
  openTwo,
  ownRedis,
  type Queue,
  recovered,
  setRules,
  settled,
} from '../support/losing-redis.ts';
import { lotteryRules, openNow, placesBySeed, sha256OfHex } from '../support/lottery.ts';

const nobody = { admission: { ratePerMinute: 6_000, capacity: 0 } };

/** Two gateways on a lottery with some visitors on open sockets and one who polls. */
async function lotteryOf(more: Record<string, unknown> = {}) {
  const redis = await ownRedis();
  const name = uniqueRoom();
  const [one, two] = await openTwo(redis.url, lotteryRules({ ...nobody, ...more }), name);
  const joined = await joinByTurns([one, two], 12);
  const poller = await join(two);
  const visitors = [...joined, poller].map(({ visitor }) => visitor.id);
  const commitment = one.room.draw.state.commitment ?? '';
  return { one, two, joined, poller, visitors, commitment, open: one.open };
}

async function lose(queues: readonly Queue[]): Promise<void> {
  const [{ open, room }] = queues as [Queue];
  const { epochId } = room.cursor;
  await open.redis.flushall();
  for (const queue of queues) queue.room.wake();
  await recovered(queues, epochId);
}

const isDrawn = ({ room }: Queue): boolean => room.draw.state.doneAt > 0;

it('a loss before the opening: same seed, same participants, and newcomers are drawn with them', async () => {
  const { one, two, poller, visitors, commitment } = await lotteryOf();
  await lose([one, two]);
  expect([one.room.draw.state.commitment, two.room.draw.state.commitment]).toEqual([commitment, commitment]);
  expect(await join(one, poller.ticket)).toMatchObject({ isNew: false, visitor: { id: poller.visitor.id } });
  const newcomer = await join(two);
  await settled(one);
  await openNow(one);
  await until(() => isDrawn(one) && isDrawn(two));
  const { seed = '', participants } = one.room.draw.state;
  expect(sha256OfHex(seed)).toBe(commitment);
  expect(participants).toBe(14);
  expect(await line(one)).toEqual(placesBySeed(seed, [...visitors, newcomer.visitor.id]));
});

it('a loss while the beacon is waited for: the published list stays, and the draw is made of it', async () => {
  const { one, two, poller, visitors, commitment } = await lotteryOf({
    queue: { beacon: 'a beacon' },
  });
  await openNow(one);
  await until(() => one.room.draw.state.hash !== undefined && two.room.draw.state.hash !== undefined);
  const { hash } = one.room.draw.state;
  await lose([one, two]);
  await join(two, poller.ticket);
  expect(one.room.draw.state).toMatchObject({ commitment, hash, participants: 13, doneAt: 0 });
  await settled(one);
  await one.open.engine.draw.giveBeacon(one.room.cursor, 'its value', 'test', '');
  await until(() => isDrawn(one) && isDrawn(two));
  expect(await line(one)).toEqual(placesBySeed(one.room.draw.state.seed ?? '', visitors, 'its value'));
});

it('a loss after the draw: everybody stands where they were drawn, who was served does not come back', async () => {
  const { one, two, poller, visitors } = await lotteryOf();
  await openNow(one);
  await until(() => isDrawn(one) && isDrawn(two));
  const order = placesBySeed(one.room.draw.state.seed ?? '', visitors);
  const late = await joinAndHold(one);
  await setRules(one, { 'admission.capacity': '2' });
  const served = await until(async () => (await line(one)).length === 12 && order.slice(0, 2));
  await setRules(one, { 'admission.capacity': '0' });
  for (const id of served) expect(await one.visits.leave(one.room, id)).toBe(true);
  const rest = [...order.slice(2), late.visitor.id];
  expect(await line(one)).toEqual(rest);

  await lose([one, two]);
  const back = await join(two, poller.ticket);
  expect(back.visitor.id === poller.visitor.id).toBe(!served.includes(poller.visitor.id));
  hold(two, back.visitor);
  await settled(one);
  await until(() => isDrawn(one) && isDrawn(two));
  expect((await line(one)).filter((id) => id !== late.visitor.id && order.includes(id))).toEqual(
    order.slice(2),
  );
  expect((await line(one)).indexOf(late.visitor.id)).toBe(order.length - 2);
  const { ticket } = late;
  expect(await join(two, ticket)).toMatchObject({ isNew: false, visitor: { id: late.visitor.id } });
});
