import { expect, it } from 'vitest';
import { nightIn } from '../../src/source-systems/source-night.ts';

it.each([
  [20210505, '2021-05-05'],
  ['20210505', '2021-05-05'],
  ['2021-05-05', '2021-05-05'],
  // The day that is written, whatever day it is elsewhere by then.
  ['2021-05-05T23:59:59.999Z', '2021-05-05'],
  ['2021-05-05T00:00:00+09:00', '2021-05-05'],
  ['2021-05-05T23:59', '2021-05-05'],
  ['20210505T235959Z', '2021-05-05'],
  ['20240229', '2024-02-29'],
])('reads %s as the night %s', (written, night) => {
  expect(nightIn(written)).toBe(night);
});

it.each([
  20210229,
  '20211301',
  '2021-5-5',
  '',
  'today',
  0,
  -20210505,
  20210505.5,
  '2021-05-05 12:00',
  '202105051',
  '2021-0505',
  '202105-05',
  '2021-05-05T',
  '2021-05-05Tnoon',
  '2021-05-05T25:00',
  '2021-05-05T10:00Zx',
])('reads no night in %s', (written) => {
  expect(nightIn(written)).toBeUndefined();
});
