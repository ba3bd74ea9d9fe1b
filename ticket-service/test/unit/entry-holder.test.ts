import { expect, it } from 'vitest';
import { holderOfOrder } from '../../src/entries/entry-guard.ts';

it('says of an order who holds its entry: its member, or the entry itself where calls come without one', () => {
  expect(holderOfOrder({ memberId: 'mina', entry: 'v.1' })).toBe('mina');
  // A coupon for a user of the replaced system, and a book: both came with the entry v.1.
  expect(holderOfOrder({ memberId: 'source:17', entry: 'v.1' })).toBe('source:v.1');
  expect(holderOfOrder({ memberId: 'source:v.1', entry: 'v.1' })).toBe('source:v.1');
});
