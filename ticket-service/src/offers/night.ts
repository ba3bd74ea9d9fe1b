/**
 * Nights as `YYYY-MM-DD` text from end to end: a Date would move them by a zone. The night of a date is the one that
 * begins on it. Texts of one form compare as dates do.
 */
const pattern = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Whether the text is a date of the calendar, years 0001 to 9999. */
export function isNight(text: string): boolean {
  const [, year, month, day] = (pattern.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

export function nextNight(night: string): string {
  const [, year = 0, month = 0, day = 0] = (pattern.exec(night) ?? []).map(Number);
  if (day < daysIn(year, month)) return format(year, month, day + 1);
  return month < 12 ? format(year, month + 1, 1) : format(year + 1, 1, 1);
}

/** The nights of a stay `[from, to)`, at most `most` of them; undefined when there are none or more, or no dates. */
export function nightsOf(from: string, to: string, most: number): readonly string[] | undefined {
  if (!isNight(from) || !isNight(to) || from >= to) return undefined;
  const nights: string[] = [];
  for (let night = from; night < to; night = nextNight(night)) {
    if (nights.length === most) return undefined;
    nights.push(night);
  }
  return nights;
}

function daysIn(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

function format(year: number, month: number, day: number): string {
  const padded = (value: number, width: number): string => String(value).padStart(width, '0');
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
}
