import type { Status } from '@ropeline/core/protocol/status.ts';
import { expect, test } from 'vitest';
import { statusJson } from '../../src/queue/visitors/status-json.ts';

const least: Status = {
  room: 'demo',
  visitor: 'yfpnfiJ4rLmnsgw1qzO68A',
  state: 'waiting',
  lane: 'standard',
  position: null,
  ahead: null,
  waiting: null,
  etaSeconds: null,
  pollAfterMs: 1_813,
  serverTime: 1_795_254_140_840,
};

test('the JSON of a status reads as the status, whatever it has and whatever the operator wrote', () => {
  const statuses: Status[] = [
    least,
    { ...least, position: 3, ahead: 2, waiting: 9, etaSeconds: { p50: 1, p90: 4 }, reason: 'stock-held' },
    { ...least, state: 'admitted', claimBy: 1_795_254_200_840, place: 'v1.XL7Ca6gc.demo.1.46714.79a1' },
    { ...least, opensAt: 1_795_254_200_840, message: 'He said "no"\n\\ </script> 잠시만요 \u2028' },
  ];
  for (const status of statuses) {
    expect(JSON.parse(statusJson(status))).toEqual(status);
    expect(Object.keys(JSON.parse(statusJson(status))).slice(0, 10)).toEqual(Object.keys(least));
  }
});
