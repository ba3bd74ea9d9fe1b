import { expect, test } from 'vitest';
import { isCurrency } from '../../src/offers/currency.ts';

test('what countries pay with is a currency; metals, units of account and "none" are not, nor is what nobody knows', () => {
  expect(['KRW', 'EUR', 'USD', 'JPY', 'KWD', 'XAF', 'XOF', 'XPF', 'XCD'].filter(isCurrency)).toHaveLength(9);
  expect(
    ['XXX', 'XTS', 'XAU', 'XDR', 'XSU', 'XBT', 'ABC', 'ZZZ', 'krw', 'KR', 'EURO', ''].filter(isCurrency),
  ).toEqual([]);
});
