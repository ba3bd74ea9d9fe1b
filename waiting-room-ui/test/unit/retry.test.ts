import { expect, it } from 'vitest';
import { afterClose, pollDelayMs } from '../../queue/retry.ts';

const almostOne = () => 0.999;

it('comes back after what the server asked for, with close codes below 4500', () => {
  expect(afterClose(4_000, '{"code":"come-back","retryAfterMs":1234}', 0, almostOne)).toEqual({
    retryMs: 1_234,
  });
});

it('does not come back from 4500 on, and passes on why', () => {
  expect(afterClose(4_501, '{"code":"no-place"}', 0)).toEqual({ over: 'no-place' });
  expect(afterClose(4_999, 'not json', 0)).toEqual({ over: 'place-over' });
});

it('spreads the come-back over 3 s after a plain loss, and further while it keeps failing', () => {
  for (const code of [1_000, 1_001, 1_005, 1_006, 1_011, 1_012, 4_000]) {
    expect(afterClose(code, '', 0, () => 0)).toEqual({ retryMs: 0 });
    expect(afterClose(code, '', 0, almostOne)).toEqual({ retryMs: 2_997 });
  }
  expect(afterClose(1_006, '', 50, almostOne)).toEqual({ retryMs: 11_988 });
});

it('takes no nonsense for a delay', () => {
  for (const reason of ['null', '[]', '{"retryAfterMs":-1}', '{"retryAfterMs":"soon"}']) {
    expect(afterClose(4_000, reason, 0, almostOne)).toEqual({ retryMs: 2_997 });
  }
});

it('polls at most every 5 s and not in step with others', () => {
  expect(pollDelayMs(60_000, almostOne)).toBeLessThanOrEqual(5_000);
  expect(pollDelayMs(60_000, () => 0)).toBe(4_000);
  expect(pollDelayMs(2_000, () => 0)).toBe(1_600);
});
