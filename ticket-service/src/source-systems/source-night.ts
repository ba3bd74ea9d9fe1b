import { isNight } from '../offers/night.ts';

/** `20210505` as a number or text, or ISO 8601 with or without a time, as a night; undefined when it is no date. */
export function nightIn(value: number | string): string | undefined {
  const [, year, month, day] = /^(\d{4})-?(\d{2})-?(\d{2})(?:T.*)?$/.exec(String(value)) ?? [];
  const night = `${year}-${month}-${day}`;
  return isNight(night) ? night : undefined;
}
