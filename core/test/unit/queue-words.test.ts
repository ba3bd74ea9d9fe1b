import { estimateText, remainingText } from '@ropeline/core/protocol/queue-words.ts';
import { describe, expect, it } from 'vitest';

describe('the estimate', () => {
  it.each([
    [10, 50, 'less than a minute'],
    [10, 60, 'about a minute'],
    [30, 150, 'up to 3 minutes'],
    [130, 250, '2–5 minutes'],
    [180, 180, 'about 3 min'],
    [3_600, 5_400, '60–90 minutes'],
    [3_600, 5_401, '1–2 hours'],
    [1_000, 9_000, 'up to 2.5 hours'],
    [36_000, 36_000, 'about 10 h'],
  ])('of %i to %i s reads "%s"', (p50, p90, text) => {
    expect(estimateText({ p50, p90 })).toBe(text);
  });

  it('is a range from low to high whichever way round it comes', () => {
    expect(estimateText({ p50: 250, p90: 130 })).toBe(estimateText({ p50: 130, p90: 250 }));
  });
});

describe('the time that is left', () => {
  it.each([
    [-5_000, '0:00'],
    [1, '0:01'],
    [65_000, '1:05'],
    [7_200_000, '2:00:00'],
    [273_600_000, '3 d 4 h'],
  ])('of %i ms reads "%s"', (ms, text) => {
    expect(remainingText(ms)).toBe(text);
  });
});
