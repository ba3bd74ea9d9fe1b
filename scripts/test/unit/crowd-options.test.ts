import { expect, test } from 'vitest';
import { Board } from '../../crowd/board.ts';
import { readCrowdOptions } from '../../crowd/options.ts';

const url = 'http://127.0.0.1:8080';

test('a crowd is a number and where it goes', () => {
  expect(readCrowdOptions(['500', '--room', 'shop', '--buy'], url)).toEqual({
    visitors: 500,
    url,
    room: 'shop',
    buy: true,
    arriveSeconds: 5,
    maxMinutes: 10,
  });
  expect(readCrowdOptions(['--help'], url)).toBeUndefined();
});

test.each(['0', '-1', '1.5', 'many', '10001'])('a crowd of %s is refused with the help', (visitors) => {
  expect(() => readCrowdOptions(['--', visitors], url)).toThrow('a whole number from 1 to 10000');
});

test('the report gives medians of what was waited and every kind of error', () => {
  const board = new Board(10);
  for (let second = 1; second <= 10; second += 1) board.waited(second * 1_000);
  board.error('join: HTTP 500');
  board.error('join: HTTP 500');
  const report = board.report().replaceAll(/ +/g, ' ');
  expect(report).toContain('wait p50 6.0 s');
  expect(report).toContain('wait p90 10.0 s');
  expect(report).toContain('join: HTTP 500 2');
});
