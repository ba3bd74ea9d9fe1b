import type { QueuePageData } from '@ropeline/core/protocol/queue-page.ts';
import { queueView } from '@ropeline/core/protocol/queue-view.ts';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { expect, it } from 'vitest';
import { afterMessage, initialState, withProblem } from '../../queue/page-state.ts';

const status: Status = {
  room: 'demo',
  visitor: 'v',
  state: 'waiting',
  lane: 'standard',
  position: 13,
  ahead: 12,
  waiting: 40,
  etaSeconds: { p50: 130, p90: 250 },
  pollAfterMs: 2_500,
  serverTime: 10_000,
};
const data: QueuePageData = {
  room: 'demo',
  to: '/',
  status,
  roomState: 'open',
  confirm: 'auto',
  message: '',
  serverTime: 10_000,
};
const start = initialState(data, 4_000);

it('knows the server time of a browser whose clock is wrong', () => {
  expect(start.clockOffsetMs).toBe(6_000);
});

it('follows ticks, and drops a reason that no longer holds', () => {
  const numbers = { position: 3, ahead: 2, waiting: 41, etaSeconds: null, serverTime: 11_000 };
  const changed = afterMessage(start, { type: 'tick', ...numbers, reason: 'rate-changed' }, 5_000);
  expect(changed.status).toMatchObject({ state: 'waiting', position: 3, reason: 'rate-changed' });
  const next = afterMessage(changed, { type: 'tick', ...numbers, position: 2, ahead: 1 }, 5_000);
  expect(next.status?.reason).toBeUndefined();
  expect(next.status?.position).toBe(2);
});

it('shows a hold until the room is open again or a status says otherwise', () => {
  const paused = afterMessage(start, { type: 'state', state: 'paused' }, 5_000);
  expect(queueView(paused).note).toMatch(/paused/);
  expect(queueView(afterMessage(paused, { type: 'state', state: 'open' }, 5_000)).note).toBeUndefined();
  expect(queueView(afterMessage(paused, { type: 'status', ...status }, 5_000)).note).toBeUndefined();
});

it('takes the turn from `admitted` alone; a late tick does not take it back', () => {
  const admitted = afterMessage(start, { type: 'admitted', claimBy: 70_000 }, 5_000);
  expect(admitted.status).toMatchObject({ state: 'admitted', claimBy: 70_000, position: null });
  const numbers = { position: 1, ahead: 0, waiting: 1, etaSeconds: null, serverTime: 11_000 };
  expect(afterMessage(admitted, { type: 'tick', ...numbers }, 5_000)).toEqual(admitted);
});

it('forgets a problem when a status comes', () => {
  const away = withProblem(start, 'unavailable');
  expect(queueView(away).heading).toMatch(/right back/);
  expect(queueView(afterMessage(away, { type: 'status', ...status }, 5_000)).heading).toBe('You are in line');
});

it('never keeps a place ticket', () => {
  const fresh = afterMessage(start, { type: 'status', ...status, place: 'v1.secret' }, 5_000);
  expect(JSON.stringify(fresh)).not.toContain('secret');
});

it('ignores message types it does not know', () => {
  const unknown = { type: 'confetti' } as unknown as Parameters<typeof afterMessage>[1];
  expect(afterMessage(start, unknown, 5_000)).toBe(start);
});

it('shows what the operator says last, and nothing when that is over, by socket and by poll', () => {
  const said = afterMessage(start, { type: 'message', text: 'A little later' }, 5_000);
  expect(said.message).toBe('A little later');
  expect(afterMessage(said, { type: 'message', text: '' }, 5_000).message).toBe('');
  expect(afterMessage(said, { type: 'status', ...status }, 5_000).message).toBe('');
  expect(afterMessage(start, { type: 'status', ...status, message: 'Soon' }, 5_000).message).toBe('Soon');
});
