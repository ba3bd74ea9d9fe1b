import { type Check, check, none } from './verdict.ts';

/** One call of `POST /books`, as k6 wrote it down. Nights are `[from, from + nights)`, days counted from the first. */
export type BookCall = {
  readonly roomId: number;
  readonly from: number;
  readonly nights: number;
  readonly status: number;
  /** s; 0 = none was told. */
  readonly retryAfter: number;
  readonly code: string;
  readonly began: number;
  readonly ended: number;
};

export type HotelFacts = {
  readonly calls: readonly BookCall[];
  /** `room from-night nights` of every COMPLETED book in Postgres; days counted as above. */
  readonly stays: readonly string[];
};

const limits = { soldShare: 0.95, longestMs: 5_000 };
/** A second try is told by the first's Retry-After; both are lines. */
const stayOf = ({ roomId, from, nights }: BookCall): string => `${roomId} ${from} ${nights}`;
const nightsOf = ({ roomId, from, nights }: BookCall): readonly string[] =>
  Array.from({ length: nights }, (_, at) => `${roomId} ${from + at}`);

export function readBookCalls(text: string): readonly BookCall[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [roomId, from, nights, status, retryAfter, code = '', began, ended] = line.split(' ');
      return {
        ...{ roomId: Number(roomId), from: Number(from), nights: Number(nights), status: Number(status) },
        ...{ retryAfter: Number(retryAfter), code, began: Number(began), ended: Number(ended) },
      };
    });
}

export function judgeHotel({ calls, stays }: HotelFacts): readonly Check[] {
  const sold = calls.filter(({ status }) => status === 201);
  const refused = calls.filter(({ status }) => status === 409);
  const owners = new Map<string, BookCall>();
  const twice = sold.flatMap((call) =>
    nightsOf(call).flatMap((night) => {
      const known = owners.get(night);
      owners.set(night, known ?? call);
      return known === undefined ? [] : [`night ${night} was sold twice`];
    }),
  );
  // Whoever took the night must have asked before the refusal was answered.
  const untrue = refused.filter(
    (call) =>
      !nightsOf(call).some((night) => (owners.get(night)?.began ?? Number.POSITIVE_INFINITY) <= call.ended),
  );
  const later = calls.filter(({ status, retryAfter }) => status === 503 && retryAfter > 0);
  const other = calls.filter((call) => ![201, 202, 409].includes(call.status) && !later.includes(call));
  const soldNights = owners.size;
  const sum = (some: readonly BookCall[]): number => some.reduce((nights, call) => nights + call.nights, 0);
  const unsold = sum(untrue) + sum(later) + sum(other);
  const share = soldNights / Math.max(1, soldNights + unsold);
  const longest = calls.reduce((most, { began, ended }) => Math.max(most, ended - began), 0);
  return [
    check(
      'stays were sold and stays were refused',
      `${sold.length} and ${refused.length}`,
      sold.length > 0 && refused.length > 0,
    ),
    check(
      'at least 95 % of the free nights asked for are sold',
      `${(share * 100).toFixed(2)} %: ${soldNights} sold, ${unsold} asked for and free but not sold`,
      share >= limits.soldShare,
    ),
    none(
      '409 only for nights truly taken',
      untrue.map((call) => `${stayOf(call)} ${call.code}`),
    ),
    none('no night sold twice', twice),
    none(
      'nothing but 201, 202, 409 and a 503 that says when',
      other.map((call) => `${call.status} ${call.code}`),
    ),
    { goal: '503 with Retry-After', found: String(later.length), kept: undefined },
    check('the longest answer below 5 s', `${longest} ms`, longest < limits.longestMs),
    none('Postgres has every stay sold, once', lostStays(sold, stays)),
  ];
}

/** 202 may become a book later, so Postgres may have more; it may not have less, nor one twice. */
function lostStays(sold: readonly BookCall[], stays: readonly string[]): readonly string[] {
  const kept = new Set(stays);
  const lost = sold.map(stayOf).filter((stay) => !kept.has(stay));
  return [
    ...lost.map((stay) => `${stay} is not in Postgres`),
    ...(kept.size === stays.length ? [] : [`${stays.length - kept.size} are there twice`]),
  ];
}
