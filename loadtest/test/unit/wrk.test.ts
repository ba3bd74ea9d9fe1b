import { expect, test } from 'vitest';
import { ratioOf, shownSpread, spreadOf, table } from '../../bench/lib/rounds.ts';
import { parseWrk } from '../../bench/lib/wrk.ts';

const printed = `Running 2s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   442.36us  520.90us  16.20ms   97.53%
    Req/Sec   154.36k     7.27k  160.06k    80.95%
  Latency Distribution
     50%  392.00us
     75%  469.00us
     90%    1.20ms
     99%    1.05s
  322514 requests in 2.10s, 56.29MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 17
Requests/sec: 153575.12
Transfer/sec:     26.80MB
`;

test('reads what wrk prints', () => {
  expect(parseWrk(printed)).toEqual({
    perSecond: 153_575.12,
    p50Ms: 0.392,
    p99Ms: 1_050,
    refused: 17,
    failed: 10,
  });
  expect(parseWrk('Requests/sec: 10.00')).toMatchObject({ perSecond: 10, refused: 0, failed: 0 });
  expect(() => parseWrk('unable to connect')).toThrow('unable to connect');
});

test('compares rounds one by one', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spreadOf([4, 1, 2, 3]).median).toBe(2.5);
  expect(shownSpread(ratioOf([50, 30], [100, 100]))).toBe('0.40 [0.30..0.50]');
  expect(
    table([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
  ).toBe('a    bb\nccc   d');
});
