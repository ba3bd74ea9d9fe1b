import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import type { Joined } from '../../src/queue/visitors/visits.ts';
import {
  join,
  joinByTurns,
  line,
  openTwo,
  ownRedis,
  type Queue,
  recovered,
  setRules,
  settled,
} from '../support/losing-redis.ts';
import { placesBySeed } from '../support/lottery.ts';

type Both = readonly [Queue, Queue];

async function openBoth(): Promise<Both> {
  const { url } = await ownRedis();
  return openTwo(url, { admission: { ratePerMinute: 6_000, capacity: 0 }, queue: { alwaysOn: true } });
}

async function joinAll(both: Both, count: number): Promise<Joined[]> {
  return [...(await joinByTurns(both, count)), await join(both[1])];
}

const idsOf = (all: readonly Joined[]): string[] => all.map(({ visitor }) => visitor.id);

/** The room closes with these in line, and is opened again; of the second in which they came nothing can be told. */
async function closeAndOpen([one, two]: Both, standing: readonly Joined[]): Promise<void> {
  const second = (): number => Math.floor(one.room.cursor.now() / 1_000);
  const joinedIn = second();
  await until(() => second() > joinedIn);
  await setRules(one, { 'flag.closed': '1' });
  one.room.wake();
  await until(() => standing.every(({ visitor }) => visitor.state === 'rejected'));
  await setRules(one, { 'flag.closed': '' });
  await until(() => [one, two].every(({ room }) => !room.flags.closed));
}

async function becomeLottery([one, two]: Both): Promise<void> {
  await setRules(one, {
    'queue.method': 'lottery',
    'schedule.opensAt': String(Date.now() + 3_600_000),
  });
  const isSealed = ({ room }: Queue): boolean =>
    room.rules.queue.method === 'lottery' && room.draw.state.commitment !== undefined;
  await until(() => isSealed(one) && isSealed(two));
}

async function draw([one, two]: Both): Promise<string> {
  await setRules(one, { 'schedule.opensAt': String(Date.now()) });
  one.room.wake();
  await until(() => [one, two].every(({ room }) => room.draw.state.doneAt > 0));
  return one.room.draw.state.seed ?? '';
}

async function empty([one, two]: Both): Promise<void> {
  const { epochId } = one.room.cursor;
  await one.open.redis.flushall();
  for (const { room } of [one, two]) room.wake();
  await recovered([one, two], epochId);
}

/** Those whom only their tickets bring back stand where they stood, and nobody else comes back. */
async function comeBack([, two]: Both, live: readonly Joined[], over: readonly Joined[]): Promise<void> {
  for (const { ticket, visitor } of live)
    expect(await join(two, ticket)).toMatchObject({ isNew: false, visitor: { id: visitor.id } });
  for (const { ticket, visitor } of over) expect((await join(two, ticket)).visitor.id).not.toBe(visitor.id);
}

test('who is to be drawn in a room that was closed with people in line before keeps the place when Redis is emptied', async () => {
  const both = await openBoth();
  const ended = await joinAll(both, 3);
  await closeAndOpen(both, ended);
  await becomeLottery(both);
  const listed = await joinAll(both, 6);
  await empty(both);
  await comeBack(both, listed, []);
  expect((await line(both[0])).toSorted()).toEqual(idsOf(listed).toSorted());
  await settled(both[0]);
  const seed = await draw(both);
  expect(await line(both[0])).toEqual(placesBySeed(seed, idsOf(listed)));
  await comeBack(both, [], ended);
}, 60_000);

test('who was drawn in a room that was closed with people in line before keeps the place when Redis is emptied', async () => {
  const both = await openBoth();
  const ended = await joinAll(both, 3);
  await closeAndOpen(both, ended);
  await becomeLottery(both);
  const listed = await joinAll(both, 6);
  const order = placesBySeed(await draw(both), idsOf(listed));
  await empty(both);
  await comeBack(both, listed, ended);
  expect((await line(both[0])).slice(0, order.length)).toEqual(order);
}, 60_000);

test('who stood in a draw when the room closed is over, before a loss and after it, and who joined the draw later is not', async () => {
  const both = await openBoth();
  await becomeLottery(both);
  const ended = await joinAll(both, 3);
  await closeAndOpen(both, ended);
  const listed = await joinAll(both, 6);
  const seed = await draw(both);
  const order = placesBySeed(seed, idsOf(listed));
  expect(await line(both[0])).toEqual(order);
  const [first, ...others] = ended;
  await comeBack(both, listed, first === undefined ? [] : [first]);
  await empty(both);
  await comeBack(both, listed, others);
  expect((await line(both[0])).slice(0, order.length)).toEqual(order);
}, 60_000);

test('a drawn room that closes ends who was drawn, and an emptied Redis brings none of them back', async () => {
  const both = await openBoth();
  await becomeLottery(both);
  const listed = await joinAll(both, 4);
  await draw(both);
  await closeAndOpen(both, listed);
  await empty(both);
  expect(await line(both[0])).toEqual([]);
  await comeBack(both, [], listed);
}, 60_000);
