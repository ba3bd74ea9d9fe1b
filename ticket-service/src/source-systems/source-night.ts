import { isNight } from '../offers/night.ts';

/** Dashes everywhere or nowhere, and perhaps a time of day with or without a zone. */
const written =
  /^(\d{4})(-?)(\d{2})\2(\d{2})(?:T(?:[01]\d|2[0-4])(?::?[0-5]\d(?::?[0-6]\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** `20210505` as a number or text, or ISO 8601 with or without a time, as a night; undefined when it is no date. */
export function nightIn(value: number | string): string | undefined {
  const [, year, , month, day] = written.exec(String(value)) ?? [];
  const night = `${year}-${month}-${day}`;
  return isNight(night) ? night : undefined;
}
