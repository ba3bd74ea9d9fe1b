import { expect, it } from 'vitest';
import { until } from '../../../testing/until.ts';
import { openLive } from '../support/live-client.ts';
import { drawMade, join, lotteryRules, openNow, publicState, statusOf } from '../support/lottery.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

const slow = { admission: { ratePerMinute: 0 }, queue: { alwaysOn: true } };
/** Far enough ahead that it is the clock which brings it. */
const soonMs = 500;

async function setField({ open, room }: TestGateway, field: string, value: number): Promise<void> {
  const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0 };
  await open.engine.change(room.cursor, { ...change, fields: [[field, String(value)]] });
}

it('goes from scheduled over pre-queue and open to closed, with the countdown in public state and status', async () => {
  const now = Date.now();
  // Hours apart, until the test moves the next of them near.
  const schedule = { prequeueAt: now + 3_600_000, opensAt: now + 7_200_000, closesAt: now + 9_000_000 };
  const { opensAt, closesAt } = schedule;
  const gateway = await startGateway({ rules: { ...slow, schedule } });
  expect(await publicState(gateway)).toMatchObject({ state: 'scheduled', opensAt, closesAt });
  expect(await join(gateway)).toMatchObject({ code: 409, status: { code: 'room-closed', opensAt } });

  await setField(gateway, 'schedule.prequeueAt', Date.now() + soonMs);
  await until(async () => (await publicState(gateway)).state === 'prequeue');
  const early = [(await join(gateway)).status, (await join(gateway)).status, (await join(gateway)).status];
  for (const status of early) {
    expect(status).toMatchObject({ state: 'scheduled', position: null, ahead: null, opensAt, closesAt });
  }
  const live = openLive(gateway.origin, gateway.room.name, early[2]?.place);
  expect(await live.first('status')).toMatchObject({ state: 'scheduled', opensAt, closesAt });

  // In a fifo room the pre-queue keeps the order of arrival.
  await setField(gateway, 'schedule.opensAt', Date.now() + soonMs);
  await until(async () => (await publicState(gateway)).state === 'open');
  for (const [i, { place = '' }] of early.entries()) {
    await until(async () => (await statusOf(gateway, place)).status.position === i + 1);
  }
  const opened = await until(() => live.messages.find((m) => m.type === 'status' && m.state === 'waiting'));
  expect(opened).toMatchObject({ closesAt });
  await until(() => live.messages.some((m) => m.type === 'state' && m.state === 'open'));

  await setField(gateway, 'schedule.closesAt', Date.now() + soonMs);
  await until(async () => (await publicState(gateway)).state === 'closed');
  expect(await join(gateway)).toMatchObject({ code: 409, status: { code: 'room-closed' } });
  expect((await live.closed).code).toBe(4503);
  const over = (await statusOf(gateway, early[0]?.place ?? '')).status;
  expect(over).toMatchObject({ state: 'rejected', reason: 'closed' });
});

it('admits nobody before the opening, drained or not, and shows no position while it is paused', async () => {
  const schedule = { prequeueAt: Date.now() - 1_000, opensAt: Date.now() + 3_600_000 };
  const rules = { admission: { ratePerMinute: 60_000, burst: 100 }, queue: { alwaysOn: true }, schedule };
  const gateway = await startGateway({ rules });
  const { room, open } = gateway;
  const { place = '' } = (await join(gateway)).status;
  await setField(gateway, 'flag.paused', 1);
  await until(() => room.state === 'paused');
  const paused = (await statusOf(gateway, place)).status;
  expect(paused).toMatchObject({ state: 'waiting', reason: 'paused', position: null, ahead: null });
  await setField(gateway, 'flag.paused', 0);
  await setField(gateway, 'flag.drained', 1);
  await until(() => room.state === 'drained');
  const opensAt = Date.now() + soonMs;
  await setField(gateway, 'schedule.opensAt', opensAt);
  await until(async () => (await statusOf(gateway, place)).status.state === 'admitted');
  const turn = await open.redis.zscore(room.cursor.keys.admitted, room.roster.all().next().value?.id ?? '');
  expect(Number(turn) - room.rules.claim.windowSeconds * 1_000).toBeGreaterThanOrEqual(opensAt);
});

it('tells a lottery’s sockets of the opening only when the draw is made', async () => {
  const gateway = await startGateway({
    rules: lotteryRules({ ...slow, queue: { beacon: 'a beacon' } }),
  });
  const { place } = (await join(gateway)).status;
  const live = openLive(gateway.origin, gateway.room.name, place);
  await live.first('status');
  await openNow(gateway);
  await until(async () => (await publicState(gateway)).draw?.participantsHash !== undefined);
  expect((await publicState(gateway)).state).toBe('prequeue');
  expect((await statusOf(gateway, place ?? '')).status.state).toBe('scheduled');
  expect(live.messages.every((m) => m.type !== 'state' || m.state === 'prequeue')).toBe(true);
  const page = await fetch(`${gateway.origin}/_ropeline/rooms/${gateway.room.name}/page`, {
    headers: { cookie: `ropeline_place=${place}` },
  });
  expect(await page.text()).toContain('Opening now');
  await gateway.open.engine.draw.giveBeacon(gateway.room.cursor, 'its value', 'test', '');
  await drawMade(gateway);
  await until(() => live.messages.some((m) => m.type === 'status' && m.state === 'waiting'));
  await until(() => live.messages.some((m) => m.type === 'tick' && m.position === 1));
});
