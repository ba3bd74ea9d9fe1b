import { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { expect, test } from 'vitest';
import { uniqueRoom } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { Visits } from '../../src/queue/visitors/visits.ts';
import { metricsToken, openControl } from '../support/open-control.ts';
import { createRoom } from '../support/open-rooms.ts';
import { privateRedis } from '../support/start-gateway.ts';

const visits = new Visits(new PlaceTickets(['a secret of at least thirty-two bytes']));

/** Enough for half a minute at 20 a second, so that whole seconds are measured however slow the machine is. */
const crowd = 600;

test('what visitors do is in the metrics, and so is how evenly the room admits', async () => {
  // A Redis of its own: gateways of other tests would open this room too, and count the admissions of their ticks.
  const open = await openControl(await privateRedis());
  const room = await createRoom(open, uniqueRoom(), {
    admission: { ratePerMinute: 1_200 },
    queue: { alwaysOn: true },
    presence: { graceSeconds: 600, leaseSeconds: 600 },
  });
  const joined = await Promise.all(Array.from({ length: crowd }, () => visits.join(room, 0, undefined)));
  const read = async (metric: string): Promise<number | undefined> => {
    const { body } = await open.call('GET', '/metrics', { as: metricsToken });
    const line = new RegExp(`^ropeline_gateway_${metric} (\\S+)$`, 'm').exec(body)?.[1];
    return line === undefined ? undefined : Number(line);
  };
  const labels = `room="${room.name}"`;
  expect(await read(`joins_total{${labels},outcome="waiting"}`)).toBe(crowd);
  await until(async () => Number(await read(`queue_depth{${labels},lane="standard"}`)) > 50);
  const first = joined.flatMap((one) => (one.refused === undefined ? [one.visitor] : []));
  const turn = await until(() => first.find(({ state }) => state === 'admitted'));
  await visits.claim(room, turn);
  expect(await read(`claims_total{${labels}}`)).toBe(1);
  await until(async () => Number(await read(`active_sessions{${labels}}`)) === 1);
  expect(await visits.leave(room, turn.id)).toBe(true);
  expect(await read(`departures_total{${labels}}`)).toBe(1);
  expect(await read(`tick_duration_seconds_count{${labels}}`)).toBeGreaterThan(0);

  await until(async () => Number(await read(`pacing_error_ratio_count{${labels}}`)) >= 3);
  expect(await read(`pacing_error_ratio_sum{${labels}}`)).toBeGreaterThanOrEqual(0);
  await open.call('POST', `/api/rooms/${room.name}/pause`);
  await until(async () => {
    const waiting = first.filter(({ state }) => state === 'waiting').length;
    return Number(await read(`admissions_total{${labels}}`)) === crowd - waiting;
  });
});
