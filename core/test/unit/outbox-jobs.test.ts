import { outboxRetryDelayMs } from '@ropeline/core/jobs/outbox-jobs.ts';
import { after, compareStreamIds, parseStreamId, streamIdText } from '@ropeline/core/jobs/stream-id.ts';
import { describe, expect, test } from 'vitest';

describe('stream ids', () => {
  test('are compared by number, not by text, and survive the way there and back', () => {
    const ids = ['1763715768123-9', '1763715768123-10', '1763715768124-0', '99-1'].map(parseStreamId);
    expect([...ids].sort(compareStreamIds).map(streamIdText)).toEqual([
      '99-1',
      '1763715768123-9',
      '1763715768123-10',
      '1763715768124-0',
    ]);
    expect(streamIdText(after(parseStreamId('5-9')))).toBe('5-10');
  });

  test.each(['', '5', '5-', '-5', '5-1-2', '5-x', '+', `${'9'.repeat(16)}-0`])('refuse %j', (text) => {
    expect(() => parseStreamId(text)).toThrow('not a stream id');
  });
});

describe('the pause before the next try', () => {
  test('doubles from 50 ms to 2 s and stays there, spread by a fifth', () => {
    expect([1, 2, 3, 6, 7, 50, 1e9].map((made) => outboxRetryDelayMs(made, 1))).toEqual([
      50, 100, 200, 1_600, 2_000, 2_000, 2_000,
    ]);
    expect(outboxRetryDelayMs(7, 0)).toBe(1_600);
  });
});
