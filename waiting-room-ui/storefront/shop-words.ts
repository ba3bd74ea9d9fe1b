import type { Money, OrderState, ShopProblem } from './shop-api.ts';

const texts: Record<string, string> = {
  'sold-out': 'Sold out: every ticket has found somebody.',
  'all-held': 'All tickets that are left are being paid for right now. Some may come back.',
  'limit-reached': 'You have as many tickets as one visit may buy.',
  'payment-declined': 'The payment was declined. The order is cancelled and the tickets are free again.',
  'payment-unavailable': 'Payments are not available right now. Your tickets stay held.',
  'hold-expired': 'The time to pay is over and the tickets went back.',
  'hold-lost': 'The reservation was lost in a fault; nothing was charged. Please reserve again.',
  'wrong-state': 'The order has changed meanwhile.',
  'wrong-credentials': 'The id or the password is wrong.',
  'too-many-logins': 'Too many wrong passwords for this id.',
  'login-required': 'Please log in again.',
  'entry-required': 'Your visit has ended. To buy, take a new place in line.',
  'entry-bound': 'This entry is already used by another member.',
  'entry-wrong-room': 'This entry is for another room.',
  busy: 'Many people are logging in at once.',
  offline: 'There was no answer. Check your connection and try again.',
  unavailable: 'The shop cannot answer right now.',
};

export function problemText({ code, message, retryAfterSeconds }: ShopProblem): string {
  const text = texts[code] ?? message;
  return retryAfterSeconds === undefined ? text : `${text} Try again in ${retryAfterSeconds} s.`;
}

export const orderTexts: Record<OrderState, string> = {
  RESERVED: 'Reserved. Pay while the tickets are held for you.',
  PAYING: 'The payment is on its way. This can take a moment; you need not pay again.',
  COMPLETED: 'Paid. The tickets are yours.',
  CANCELLED: 'Cancelled. The tickets went back.',
  EXPIRED: 'The time to pay is over and the tickets went back.',
};

/** Minor units by the currency's own number of digits: none for KRW. */
export function moneyText({ minor, currency }: Money): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  return format.format(minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}
