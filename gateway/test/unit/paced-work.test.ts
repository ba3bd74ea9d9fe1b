import { expect, test } from 'vitest';
import { PacedWork, type Urgency } from '../../src/queue/paced-work.ts';

/** Pieces of a millisecond each by a clock of the test's own; `turns` lists what each turn did. */
function paced() {
  let ms = 0;
  const next: (() => void)[] = [];
  const errors: unknown[] = [];
  const work = new PacedWork({
    onError: (error) => errors.push(error),
    clock: () => ms,
    nextTurn: (run) => next.push(run),
  });
  let did: string[] = [];
  const add = (name: string, urgency: Urgency, more: () => void = () => undefined): void =>
    work.add(
      {
        run: () => {
          ms += 1;
          did.push(name);
          more();
        },
      },
      urgency,
    );
  const turn = (): string[] => {
    did = [];
    for (const run of next.splice(0)) run();
    return did;
  };
  return { work, add, turn, errors, isIdle: () => next.length === 0 };
}

test('a turn does eight milliseconds of work and leaves the rest to later ones', () => {
  const { add, turn, isIdle } = paced();
  for (let i = 0; i < 20; i += 1) add(`${i}`, 'numbers');
  expect([turn().length, turn().length, turn().length]).toEqual([8, 8, 4]);
  expect(isIdle()).toBe(true);
});

test('turns given go before states, states before numbers, and equals in the order in which they came', () => {
  const { add, turn } = paced();
  add('n1', 'numbers');
  add('s1', 'state');
  add('t1', 'turns');
  add('n2', 'numbers');
  add('t2', 'turns');
  expect(turn()).toEqual(['t1', 't2', 's1', 'n1', 'n2']);
});

test('what becomes urgent while numbers are told goes before the rest of them', () => {
  const { add, turn } = paced();
  add('n1', 'numbers', () => add('t1', 'turns'));
  add('n2', 'numbers');
  expect(turn()).toEqual(['n1', 't1', 'n2']);
});

test('a piece that throws is reported and does not keep the others from being done', async () => {
  const { work, add, turn, errors } = paced();
  add('bad', 'state', () => {
    throw new Error('no');
  });
  add('good', 'state');
  const done = work.done();
  expect(turn()).toEqual(['bad', 'good']);
  await done;
  expect(errors).toHaveLength(1);
});

test('a line that never runs empty keeps its order and does all of it', () => {
  const { add, turn } = paced();
  const seen: string[] = [];
  for (let i = 0; i < 100; i += 1) {
    for (let n = 0; n < 9; n += 1) add(`${i * 9 + n}`, 'numbers');
    seen.push(...turn());
  }
  while (seen.length < 900) seen.push(...turn());
  expect(seen).toEqual(Array.from({ length: 900 }, (_, i) => `${i}`));
});
