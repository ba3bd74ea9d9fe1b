import { type Check, check } from './verdict.ts';

export type TimeDealFacts = {
  /** Statuses of the reserves. */
  readonly reserves: readonly number[];
  /** As the stock API told it when all had been answered. */
  readonly reserved: number;
  readonly confirmStatus: number;
  readonly left: { readonly quantity: number; readonly reserved: number };
};

const pieces = 100;

export function readTimeDeal(text: string): TimeDealFacts {
  const lines = text.split('\n').map((line) => line.split(' '));
  const of = (word: string): readonly number[] =>
    lines
      .find(([first]) => first === word)
      ?.slice(1)
      .map(Number) ?? [];
  return {
    reserves: lines.flatMap(([word, status]) => (word === 'reserve' ? [Number(status)] : [])),
    reserved: of('reserved')[0] ?? Number.NaN,
    confirmStatus: of('confirm')[0] ?? Number.NaN,
    left: { quantity: of('left')[0] ?? Number.NaN, reserved: of('left')[1] ?? Number.NaN },
  };
}

export function judgeTimeDeal({ reserves, reserved, confirmStatus, left }: TimeDealFacts): readonly Check[] {
  const taken = reserves.filter((status) => status === 200).length;
  const refused = reserves.filter((status) => status === 409).length;
  return [
    check('every reserve has an answer', `${reserves.length} of 150`, reserves.length === 150),
    check('exactly 100 reserved', String(taken), taken === pieces),
    check('the others refused, 409', String(refused), refused === reserves.length - pieces),
    check('the stock says so too', `reserved ${reserved}`, reserved === pieces),
    check(
      'all of them sold, none left, none negative',
      `${confirmStatus}; quantity ${left.quantity}, reserved ${left.reserved}`,
      confirmStatus === 200 && left.quantity === 0 && left.reserved === 0,
    ),
  ];
}
