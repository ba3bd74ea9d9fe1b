import { expect, test } from 'vitest';
import { between, commandMicros, parseCommandStats, scripts } from '../../bench/lib/command-stats.ts';
import { pacingErrors } from '../../bench/lib/pacing-errors.ts';
import { percentile } from '../../bench/lib/percentile.ts';

const info = (evalsha: string, more = ''): string =>
  `# Commandstats\r\ncmdstat_info:calls=9,usec=90,usec_per_call=10.00,rejected_calls=0,failed_calls=0\r\n` +
  `cmdstat_evalsha:${evalsha},usec_per_call=1.00,rejected_calls=0,failed_calls=0\r\n` +
  `cmdstat_config|get:calls=1,usec=2,usec_per_call=2.00,rejected_calls=0,failed_calls=0\r\n${more}`;

test('what Redis ran between two looks is told by command, without what did not run and without the looks', () => {
  const before = parseCommandStats(info('calls=3,usec=300'));
  const after = parseCommandStats(
    info('calls=5,usec=450', 'cmdstat_eval:calls=1,usec=70,usec_per_call=70.00\r\n'),
  );
  const ran = between(before, after);
  expect(Object.fromEntries(ran)).toEqual({
    evalsha: { calls: 2, micros: 150 },
    eval: { calls: 1, micros: 70 },
  });
  expect(scripts(ran)).toEqual({ calls: 3, micros: 220 });
});

test('the commands of scripts are told from the scripts', () => {
  const more =
    'cmdstat_zadd:calls=2,usec=30,usec_per_call=15.00\r\ncmdstat_hset:calls=1,usec=5,usec_per_call=5.00\r\n';
  const ran = between(
    parseCommandStats(info('calls=3,usec=300')),
    parseCommandStats(info('calls=5,usec=450', more)),
  );
  expect([scripts(ran).micros, commandMicros(ran)]).toEqual([150, 35]);
});

test('a percentile is a value that was measured, and the last is the greatest', () => {
  const values = [5, 1, 4, 2, 3];
  expect([0.2, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([1, 3, 5, 5]);
  expect(percentile([], 0.5)).toBeNaN();
});

test('an even stream has no pacing error in any window', () => {
  const even = Array.from({ length: 300 }, (_, i) => 10_000 + 100 * i);
  const errors = pacingErrors(even, 10, 10_000, 20_000);
  expect(errors).toHaveLength(91);
  expect(Math.max(...errors)).toBe(0);
});

test('a second without admissions is an error of one, also where it lies across two seconds of the clock', () => {
  const times = Array.from({ length: 300 }, (_, i) => 10_000 + 100 * i).filter(
    (at) => at < 12_500 || at >= 13_500,
  );
  const errors = pacingErrors(times, 10, 10_000, 20_000);
  expect(Math.max(...errors)).toBe(1);
  expect(errors[25]).toBe(1);
  expect(errors[20]).toBe(0.5);
});

test('admissions beside the steps of a window are counted in the window they fall into', () => {
  expect(pacingErrors([999, 1_000, 1_999, 2_000], 2, 1_000, 2_000)).toEqual([0]);
});
