import { expect, it } from 'vitest';
import { isNight, nextNight, nightsOf } from '../../src/offers/night.ts';

it.each(['2026-02-28', '2024-02-29', '2000-02-29', '9999-12-31', '0001-01-01'])('%s is a night', (text) => {
  expect(isNight(text)).toBe(true);
});

it.each([
  '2026-02-29',
  '1900-02-29',
  '2026-13-01',
  '2026-00-10',
  '2026-04-31',
  '2026-1-1',
  '20260101',
  '',
  '0000-01-01',
])('%s is none', (text) => {
  expect(isNight(text)).toBe(false);
});

it('agrees with the calendar of the machine for every day of four centuries', () => {
  let night = '1897-01-01';
  for (let day = 0; day < 146_097; day += 1) {
    expect(isNight(night)).toBe(true);
    expect(night).toBe(new Date(Date.UTC(1897, 0, 1 + day)).toISOString().slice(0, 10));
    night = nextNight(night);
  }
});

it('has every night of a stay but the day of leaving', () => {
  expect(nightsOf('2026-12-30', '2027-01-02', 90)).toEqual(['2026-12-30', '2026-12-31', '2027-01-01']);
  expect(nightsOf('2026-01-01', '2026-01-01', 90)).toBeUndefined();
  expect(nightsOf('2026-01-02', '2026-01-01', 90)).toBeUndefined();
  expect(nightsOf('2026-01-01', '2026-04-01', 90)).toHaveLength(90);
  expect(nightsOf('2026-01-01', '2026-04-02', 90)).toBeUndefined();
});
