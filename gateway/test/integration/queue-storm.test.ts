import { expect, inject, test } from 'vitest';
import { judgeAdmissions, stillWaiting } from '../support/judge-admissions.ts';
import { QueueStorm } from '../support/queue-storm.ts';
import { newSeed } from '../support/random.ts';

/** What the crowd is sent to meet, and how often at least. */
const least = [
  ['admitted', 300],
  ['claimed', 100],
  ['lapsed', 20],
  ['away', 20],
  ['out', 100],
  ['rules', 20],
] as const;

test('whatever gateways and visitors do at whatever moment, the history of admissions is as promised', async () => {
  const seed = newSeed();
  const storm = await QueueStorm.begin(inject('redisUrl'), seed);
  const met = (): boolean => least.every(([type, count]) => storm.history.count(type) >= count);
  for (let part = 0; part < 8 || (part < 24 && !met()); part += 1) {
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
  for (const [type, count] of least)
    expect(storm.history.count(type), `${type}, SEED=${seed}`).toBeGreaterThanOrEqual(count);
});
