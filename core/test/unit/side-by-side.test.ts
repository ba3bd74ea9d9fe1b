import { expect, it } from 'vitest';
import { sideBySide } from '../../src/side-by-side.ts';

it('begins all at once and ends when the last has ended, whichever fails', async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const enders = new Map<number, () => void>();
  const working = sideBySide([1, 2, 3], async (item) => {
    begun.push(item);
    if (item === 2) throw new Error('the second');
    await new Promise<void>((resolve) => enders.set(item, resolve));
    ended.push(item);
  });
  expect(begun).toEqual([1, 2, 3]);
  enders.get(3)?.();
  enders.get(1)?.();
  await expect(working).rejects.toThrow('the second');
  expect(ended).toEqual([3, 1]);
  await expect(sideBySide([], async () => undefined)).resolves.toBeUndefined();
});
