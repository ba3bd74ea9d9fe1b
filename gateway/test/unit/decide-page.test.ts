import { describe, expect, it } from 'vitest';
import { decidePage } from '../../src/data-plane/page/decide-page.ts';

const first = { hasPlace: false, hasTestCookie: false, checked: false, isPrefetch: false };

describe('the queue page', () => {
  it('joins only once the test cookie has come back', () => {
    expect(decidePage(first)).toBe('test');
    expect(decidePage({ ...first, checked: true, hasTestCookie: true })).toBe('join');
  });

  it('explains instead of looping when the test cookie did not come back', () => {
    expect(decidePage({ ...first, checked: true })).toBe('cookies-off');
  });

  it('never joins and sets nothing on a prefetch, whatever cookies there are', () => {
    for (const hasTestCookie of [false, true]) {
      for (const checked of [false, true]) {
        expect(decidePage({ ...first, hasTestCookie, checked, isPrefetch: true })).toBe('preview');
      }
    }
  });

  it('shows a place that is there, whatever else', () => {
    for (const bits of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const facts = { hasTestCookie: (bits & 1) > 0, checked: (bits & 2) > 0, isPrefetch: (bits & 4) > 0 };
      expect(decidePage({ hasPlace: true, ...facts })).toBe('show');
    }
  });
});
