import { expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';
import { FanOut, jittered, updateIntervalMs } from '../../src/queue/fan-out.ts';
import { PacedWork } from '../../src/queue/paced-work.ts';
import { Roster, type Visitor } from '../../src/queue/roster.ts';

/** A fan-out whose turns the test takes, with one visitor and what its socket is told. */
function opened(state: Visitor['state'] = 'waiting') {
  const next: (() => void)[] = [];
  const work = new PacedWork({
    onError: (error) => {
      throw error;
    },
    nextTurn: (run) => next.push(run),
  });
  const fanOut = cleanedUp(new FanOut(work, () => 1), (one) => one.stop());
  const facts = { score: 1, state, turn: 0, deadline: 0, reason: undefined, sequence: 1 };
  const visitor = new Roster().add('one', 0, facts);
  const told: string[] = [];
  const outlet = fanOut.add(
    {
      sendChange: (given, over) =>
        told.push(
          `${visitor.state}${given === undefined ? '' : ` turn ${given.turn}`}${over ? ' over' : ''}`,
        ),
      sendNumbers: () => told.push('numbers'),
      sendRoom: () => told.push('room'),
      sendMessage: () => told.push('message'),
      sendAway: () => told.push('away'),
      sendPlace: () => told.push('place'),
      sendDeleted: () => told.push('deleted'),
    },
    visitor,
  );
  const change = (state: Visitor['state'], turn: number): void => {
    Object.assign(visitor, { state, turn });
    for (const watcher of visitor.watchers) watcher.changed(visitor, false);
  };
  return {
    fanOut,
    outlet,
    visitor,
    told,
    change,
    turn: () => {
      for (const run of next.splice(0)) run();
    },
  };
}

test('the update interval goes from a second near the front to ten far back, and jitter only shortens it', () => {
  expect([1, 200, 201, 1_000, 2_000, 1_000_000].map(updateIntervalMs)).toEqual([
    1_000, 1_000, 2_000, 5_000, 10_000, 10_000,
  ]);
  const drawn = Array.from({ length: 1_000 }, () => jittered(10_000));
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(8_000);
  expect(Math.max(...drawn)).toBeLessThanOrEqual(10_000);
  expect(new Set(drawn.map(Math.round)).size).toBeGreaterThan(500);
});

test('nothing is sent in the turn in which it happens', () => {
  const { fanOut, told, turn } = opened();
  fanOut.tellRoom();
  expect(told).toEqual([]);
  turn();
  expect(told).toEqual(['room']);
});

test('what changes twice before its time comes is told once, as it is then', () => {
  const { fanOut, told, turn, change } = opened();
  fanOut.tellRoom();
  change('admitted', 1);
  fanOut.tellRoom();
  change('left', 1);
  turn();
  turn();
  expect(told).toEqual(['room', 'left turn 1 over']);
});

test('a turn that was used before its socket could be told is told all the same', () => {
  const { told, turn, change } = opened();
  change('admitted', 7);
  change('active', 7);
  turn();
  expect(told).toEqual(['active turn 7']);
  change('active', 7);
  turn();
  expect(told).toEqual(['active turn 7', 'active']);
});

test('a change is told instead of mere numbers, and who waits no more gets none', () => {
  const { outlet, visitor, told, turn, change } = opened();
  outlet.tick(visitor);
  change('admitted', 1);
  turn();
  outlet.tick(visitor);
  turn();
  expect(told).toEqual(['admitted turn 1']);
});

test('a socket that is gone is told nothing more, and who is sent away hears nothing else', () => {
  const { fanOut, outlet, visitor, told, turn } = opened();
  fanOut.tellRoom();
  fanOut.sendEverybodyAway();
  turn();
  fanOut.tellRoom();
  fanOut.remove(outlet);
  turn();
  expect(told).toEqual(['away']);
  expect(visitor.watchers).toEqual([]);
  expect(fanOut.size).toBe(0);
});

test('numbers come again and again without anything happening', async () => {
  const { told, turn } = opened();
  await until(() => {
    turn();
    return told.length >= 3;
  });
  expect(new Set(told)).toEqual(new Set(['numbers']));
});
