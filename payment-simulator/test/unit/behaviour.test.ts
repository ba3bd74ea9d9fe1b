import { describe, expect, test } from 'vitest';
import { type Behaviour, type Fate, Fates, harmless } from '../../src/behaviour.ts';

const draw = (behaviour: Behaviour, count: number, seed = 1): readonly Fate[] => {
  const fates = new Fates(seed);
  return Array.from({ length: count }, () => fates.next(behaviour));
};

describe('what becomes of a charge', () => {
  const mixed = {
    ...harmless,
    declineShare: 0.2,
    errorShare: 0.1,
    hangShare: 0.1,
    resetShare: 0.1,
    lateShare: 0.1,
  };

  test('is the same series for the same seed, and another for another', () => {
    expect(draw(mixed, 200, 7)).toEqual(draw(mixed, 200, 7));
    expect(draw(mixed, 200, 7)).not.toEqual(draw(mixed, 200, 8));
  });

  test('comes in the shares that were set', () => {
    const fates = draw(mixed, 20_000);
    const share = (...kinds: readonly Fate[]): number =>
      fates.filter((fate) => kinds.includes(fate)).length / fates.length;
    expect(share('declined')).toBeCloseTo(0.2, 1);
    expect(share('error')).toBeCloseTo(0.1, 1);
    expect(share('hang-paid', 'hang-lost')).toBeCloseTo(0.1, 1);
    expect(share('hang-paid')).toBeCloseTo(0.05, 1);
    expect(share('reset-paid')).toBeCloseTo(0.1, 1);
    expect(share('late-paid')).toBeCloseTo(0.1, 1);
    expect(share('paid')).toBeCloseTo(0.4, 1);
  });

  test('is always paid until told otherwise', () => {
    expect(new Set(draw(harmless, 1_000))).toEqual(new Set(['paid']));
  });
});
