import { problemCodes } from '@ropeline/core/protocol/problem-codes.ts';
import { type QueueFacts, queueView } from '@ropeline/core/protocol/queue-view.ts';
import { type Status, visitorStates } from '@ropeline/core/protocol/status.ts';
import { describe, expect, it } from 'vitest';

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
  serverTime: 0,
};

function view(facts: Partial<QueueFacts>) {
  return queueView({ status, roomState: null, confirm: 'auto', ...facts });
}

describe('a waiting visitor', () => {
  it('is told position, people ahead and the estimate as a range, and may leave', () => {
    const { place, title, mayLeave } = view({});
    expect(place).toMatchObject({ position: '13', ahead: '12', waiting: '40', estimate: '2–5 minutes' });
    expect(title).toBe('13 in line');
    expect(mayLeave).toBe(true);
  });

  it.each(['paused', 'stock-held', 'recovering'] as const)(
    'is told that the line is held by %s, without an estimate that would be wrong',
    (reason) => {
      const byStatus = view({ status: { ...status, reason } });
      expect(byStatus.note).toMatch(/place/);
      expect(byStatus.place?.estimate).toBe('on hold');
      expect(view({ roomState: reason })).toEqual(byStatus);
    },
  );

  it('is told of lost touch with Redis what is true whether the room stands still or goes on without it', () => {
    const away = view({ roomState: 'redis-away' });
    expect(away.note).toMatch(/lost touch.*keep your place.*by itself/);
    expect(away.place?.estimate).toBe('not known yet');
    expect(view({ status: { ...status, reason: 'redis-away' } })).toEqual(away);
    const turn = view({ status: { ...status, state: 'admitted' }, roomState: 'redis-away' });
    expect(turn).toMatchObject({ action: 'enter', refreshSeconds: 3 });
    expect(turn.text).toMatch(/tries again by itself/);
  });

  it('keeps an estimate when only the rate has changed', () => {
    const changed = view({ status: { ...status, reason: 'rate-changed' } });
    expect(changed.note).toBeDefined();
    expect(changed.place?.estimate).toBe('2–5 minutes');
  });

  it('whose position is not known sees no number but keeps the place', () => {
    const { place, text } = view({ status: { ...status, position: null, ahead: null } });
    expect(place).toBeUndefined();
    expect(text).toMatch(/safe/);
  });

  it('has progress from where they began, never below zero', () => {
    expect(view({ startedAhead: 48 }).place?.progress).toBe(75);
    expect(view({ startedAhead: 5 }).place?.progress).toBe(0);
    expect(view({ status: { ...status, ahead: 0, position: 1 }, startedAhead: 0 }).place?.progress).toBe(100);
  });

  it('without JavaScript asks again in 15 s far from the turn, near it as often as the server wants', () => {
    expect(view({}).refreshSeconds).toBe(15);
    expect(view({ status: { ...status, etaSeconds: { p50: 40, p90: 60 } } }).refreshSeconds).toBe(3);
  });
});

describe('the turn', () => {
  const admitted = { ...status, state: 'admitted', position: null, ahead: null, claimBy: 60_000 } as const;

  it('shows the way in and the time left, and goes in by itself when no click is wanted', () => {
    const auto = view({ status: admitted });
    expect(auto).toMatchObject({ action: 'enter', refreshSeconds: 1, countdown: { until: 60_000 } });
  });

  it('waits for the click where the room wants one', () => {
    const click = view({ status: admitted, confirm: 'click' });
    expect(click.action).toBe('enter');
    expect(click.refreshSeconds).toBeGreaterThan(1);
  });
});

describe('the end', () => {
  it('by sold-out offers nothing more', () => {
    const over = view({ status: { ...status, state: 'rejected', reason: 'sold-out' } });
    expect(over).toMatchObject({
      heading: 'Sold out',
      action: 'none',
      mayLeave: false,
      refreshSeconds: null,
    });
  });

  it.each(['left', 'lapsed', 'ended', 'abandoned'] as const)('by %s offers a new place', (state) => {
    expect(view({ status: { ...status, state } }).action).toBe('join');
  });
});

it('every visitor state and every problem code has words', () => {
  for (const state of visitorStates) expect(view({ status: { ...status, state } }).heading).not.toBe('');
  for (const problem of Object.keys(problemCodes)) {
    expect(view({ status: null, problem }).text).not.toBe('');
  }
});

it('a room that is not open yet counts down to its opening and comes back', () => {
  const closed = view({ status: null, problem: 'room-closed', opensAt: 5_000 });
  expect(closed.countdown?.until).toBe(5_000);
  expect(closed.refreshSeconds).not.toBeNull();
  expect(view({ status: null, roomState: 'scheduled', opensAt: 5_000 })).toEqual(closed);
  expect(view({ status: null, problem: 'room-closed' })).toMatchObject({
    action: 'none',
    refreshSeconds: null,
  });
});

describe('before the opening', () => {
  const scheduled: Status = {
    ...status,
    state: 'scheduled',
    position: null,
    ahead: null,
    waiting: null,
    etaSeconds: null,
  };

  it('counts down to it, and says when places are drawn by lot', () => {
    const early = view({ status: { ...scheduled, opensAt: 5_000 } });
    expect(early).toMatchObject({ heading: 'You are early', countdown: { until: 5_000 }, mayLeave: true });
    expect(early.text).not.toContain('by lot');
    expect(view({ status: { ...scheduled, opensAt: 5_000 }, isLottery: true }).text).toContain('by lot');
  });

  it('does not count down where the organiser opens by hand', () => {
    expect(view({ status: scheduled, isLottery: true }).countdown).toBeUndefined();
  });

  it('between the time of opening and the end of the draw asks again soon', () => {
    const drawing = view({ status: { ...scheduled, opensAt: 5_000, serverTime: 5_000 } });
    expect(drawing).toMatchObject({ heading: 'Opening now', refreshSeconds: 2 });
    expect(drawing.countdown).toBeUndefined();
  });
});

it('tells who waits when the line closes', () => {
  expect(view({ status: { ...status, closesAt: 9_000 } }).countdown).toEqual({
    label: 'The line closes in',
    until: 9_000,
  });
});
