import { describe, expect, it } from 'vitest';
import { readRecord, timesOf } from '../../check/room-record.ts';

describe('the record of a room', () => {
  it('is read from its broadcast, line by line', () => {
    const record = readRecord([
      'e1 10 1 1000 3\na alice 1 61000\nh standard 61000 2 bob 17 dave 18,1',
      'e1 11 2 1050 3\nc alice 1 601050\ns 1 5 0 1,2|',
      'e1 15 3 1100 3\ne alice 1 left\nl bob 2\nq carol 0 left',
    ]);
    expect(record).toMatchObject({ missing: 0, epochs: 1 });
    expect(record.events.map(({ at, kind, visitor }) => `${at} ${kind} ${visitor}`)).toEqual([
      '1000 admitted alice',
      '1000 admitted bob',
      '1000 admitted dave',
      '1050 claimed alice',
      '1100 ended alice',
      '1100 lapsed bob',
      '1100 left carol',
    ]);
    expect(timesOf(record, 'admitted')).toEqual([1_000, 1_000, 1_000]);
  });

  it('tells of messages that are missing and of a lost epoch', () => {
    const record = readRecord(['e1 1 1 1000 1\na a 1 1', 'e1 2 4 1000 1\na b 2 1', 'e2 3 5 1000 1\na c 3 1']);
    expect(record).toMatchObject({ missing: 2, epochs: 2 });
  });
});
