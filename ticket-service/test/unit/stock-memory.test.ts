import { expect, it } from 'vitest';
import { StockMemory } from '../../src/inventory/stock-memory.ts';

const soldOut = { capacity: 3, held: 0, sold: 3 };
const buyers = (...members: string[]) => ({ life: 'a', members: new Set(members) });

function memoryAt() {
  const clock = { now: 5_000 };
  const memory = new StockMemory(() => clock.now);
  return { clock, memory };
}

it('answers sold out for a second, but not to those who have ordered before', () => {
  const { clock, memory } = memoryAt();
  memory.learnSoldOut(1, soldOut, buyers('buyer'), memory.mark(1));
  expect(memory.soldOutTo(1, 'stranger')).toEqual(soldOut);
  expect(memory.soldOutTo(1, 'buyer')).toBeUndefined();
  expect(memory.soldOutTo(2, 'stranger')).toBeUndefined();
  clock.now += 999;
  expect(memory.soldOutTo(1, 'stranger')).toEqual(soldOut);
  clock.now += 1;
  expect(memory.soldOutTo(1, 'stranger')).toBeUndefined();
});

it('counts the second from the question, not from the answer', () => {
  const { clock, memory } = memoryAt();
  const mark = memory.mark(1);
  clock.now += 600;
  memory.learnSoldOut(1, soldOut, buyers(), mark);
  clock.now += 400;
  expect(memory.soldOutTo(1, 'stranger')).toBeUndefined();
});

it('forgets it with any release, also one that came between question and answer', () => {
  const { memory } = memoryAt();
  memory.learnSoldOut(1, soldOut, buyers(), memory.mark(1));
  memory.released(1, { ...soldOut, sold: 2 });
  expect(memory.soldOutTo(1, 'stranger')).toBeUndefined();
  const mark = memory.mark(1);
  memory.released(1);
  memory.learnSoldOut(1, soldOut, buyers(), mark);
  expect(memory.soldOutTo(1, 'stranger')).toBeUndefined();
});

it('does not take "all held" for sold out', () => {
  const { memory } = memoryAt();
  memory.learnSoldOut(1, { capacity: 3, held: 1, sold: 2 }, buyers(), memory.mark(1));
  expect(memory.soldOutTo(1, 'stranger')).toBeUndefined();
});

it('tells of changes, and only of changes', () => {
  const { memory } = memoryAt();
  const heard: number[] = [];
  const stop = memory.onChange((offerId) => heard.push(offerId));
  memory.learn(1, soldOut);
  memory.learn(1, { ...soldOut });
  memory.learn(2, soldOut);
  memory.released(1, { ...soldOut, sold: 1 });
  stop();
  memory.learn(1, soldOut);
  expect(heard).toEqual([1, 2, 1]);
});
