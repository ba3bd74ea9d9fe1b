import { createLog } from '@ropeline/core/log.ts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { StockCounts } from '../../src/offers/stock-counts.ts';
import { RoomSignal } from '../../src/room-signals/room-signal.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A room that takes what it is told, unless `away`. */
function room() {
  const told: StockCounts[] = [];
  const state = { stock: undefined as StockCounts | undefined, away: false, tries: 0 };
  const signal = new RoomSignal({
    room: 'demo',
    log: createLog('test', 'silent'),
    read: () => state.stock,
    send: async (_room, stock) => {
      state.tries += 1;
      if (state.away) throw new Error('away');
      told.push(stock);
    },
  });
  const become = async (held: number, sold: number): Promise<void> => {
    state.stock = { capacity: 10, held, sold };
    signal.changed();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { told, state, signal, become };
}

describe('a room is told', () => {
  test('at once when the last free unit goes and when one comes back', async () => {
    const { told, become } = room();
    await become(0, 0);
    await become(4, 6);
    await become(3, 6);
    expect(told.map(({ held }) => held)).toEqual([0, 4, 3]);
  });

  test('other changes within a second, together', async () => {
    const { told, become } = room();
    await become(0, 0);
    for (let held = 1; held <= 5; held += 1) await become(held, 0);
    expect(told).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told.map(({ held }) => held)).toEqual([0, 5]);
  });

  test('of changes that come while it is being told', async () => {
    const { told, state, signal, become } = room();
    await become(0, 0);
    state.stock = { capacity: 10, held: 10, sold: 0 };
    signal.changed();
    state.stock = { capacity: 10, held: 9, sold: 0 };
    signal.changed();
    await vi.advanceTimersByTimeAsync(0);
    expect(told.at(-1)).toEqual({ capacity: 10, held: 9, sold: 0 });
  });

  test('the newest stock once it can be reached again, with fewer and fewer tries meanwhile', async () => {
    const { told, state, become } = room();
    await become(0, 0);
    state.away = true;
    await become(10, 0);
    await become(0, 10);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told).toHaveLength(1);
    expect(state.tries).toBeGreaterThan(10);
    expect(state.tries).toBeLessThan(30);
    state.away = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(told).toEqual([
      { capacity: 10, held: 0, sold: 0 },
      { capacity: 10, held: 0, sold: 10 },
    ]);
  });

  test('nothing while the stock is not known, and at once when it is', async () => {
    const { told, state, signal, become } = room();
    signal.repeat();
    state.away = true;
    await become(1, 0);
    state.stock = undefined;
    await vi.advanceTimersByTimeAsync(10_000);
    state.away = false;
    expect(told).toEqual([]);
    await become(2, 0);
    expect(told).toEqual([{ capacity: 10, held: 2, sold: 0 }]);
  });

  test('nothing more after the stop', async () => {
    const { told, signal, become } = room();
    await become(0, 0);
    await become(1, 0);
    await signal.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toHaveLength(1);
  });
});
