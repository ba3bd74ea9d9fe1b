import { expect, inject, test } from 'vitest';
import { judgeAdmissions, stillWaiting } from '../support/judge-admissions.ts';
import { QueueStorm } from '../support/queue-storm.ts';
import { newSeed } from '../support/random.ts';

test('whatever gateways and visitors do at whatever moment, the history of admissions is as promised', async () => {
  const seed = newSeed();
  const storm = await QueueStorm.begin(inject('redisUrl'), seed);
  for (let part = 0; part < 8; part += 1) {
    await storm.run(500);
    await storm.kill();
    await storm.hear();
    const waiting = stillWaiting(storm.history.happenings);
    expect([...waiting.keys()].sort(), `SEED=${seed}`).toEqual([...(await storm.inRedis())].sort());
  }
  await storm.finish();
  expect(storm.wrongs, `SEED=${seed}`).toEqual([]);
  expect(judgeAdmissions(storm.history.happenings), `SEED=${seed}`).toEqual([]);
  expect(await storm.inRedis(), `SEED=${seed}`).toEqual([]);
  // Else the crowd would not have met what it was sent to meet.
  for (const [type, least] of [
    ['admitted', 300],
    ['claimed', 100],
    ['lapsed', 20],
    ['away', 20],
    ['out', 100],
    ['rules', 20],
  ] as const)
    expect(storm.history.count(type), `${type}, SEED=${seed}`).toBeGreaterThan(least);
}, 60_000);
