import { describe, expect, inject, test } from 'vitest';
import { judgeAdmissions } from '../support/judge-admissions.ts';
import { QueueStorm } from '../support/queue-storm.ts';
import type { Mutation } from '../support/virtual-clock.ts';

/** Mistakes that somebody could make in the scripts; a judge that lets one pass judges nothing. */
const mutations: readonly (Mutation & { readonly name: string; readonly found: RegExp })[] = [
  {
    name: 'the bucket keeps everything that flows in',
    from: 'return math.min(bucket_bound(rules), (tonumber',
    to: 'return math.max(0, (tonumber',
    found: /admissions in|of a token/,
  },
  {
    name: 'a change of the rate is not filled first at the old one',
    from: 'store_bucket(rules, fill_bucket(rules, now), now)\nlocal details',
    to: 'local details',
    found: /of a token|held back/,
  },
  {
    name: 'one more than the capacity comes in',
    from: 'rules.capacity - inside',
    to: 'rules.capacity - inside + 1',
    found: /were inside/,
  },
  { name: 'the last come first', from: "'ZPOPMIN'", to: "'ZPOPMAX'", found: /stood in front/ },
  {
    name: 'a lapse gives back two tokens',
    from: 'fill_bucket(rules, now) + lapsed',
    to: 'fill_bucket(rules, now) + 2 * lapsed',
    found: /of a token/,
  },
  {
    name: 'a lapse gives back no token',
    from: 'fill_bucket(rules, now) + lapsed',
    to: 'fill_bucket(rules, now)',
    found: /held back/,
  },
  {
    name: 'a pause is overlooked',
    from: "(state == 'open' or state == 'drained')",
    to: "(state == 'open' or state == 'paused' or state == 'drained')",
    found: /did not serve/,
  },
  {
    name: 'weights of lanes are overlooked',
    from: 'lane.credit + lane.weight, total + lane.weight',
    to: 'lane.credit + 1, total + 1',
    found: /its share was/,
  },
  {
    name: 'a turn number is left out',
    from: "'turn', #visitors)",
    to: "'turn', #visitors + 1)",
    found: /given to nobody/,
  },
  {
    name: 'who is struck was not called before',
    from: 'if tonumber(due[i + 1]) % 2 == 0 then',
    to: 'if false then',
    found: /with a socket open/,
  },
  {
    name: 'a second chance is one at the end of the line',
    from: "redis.call('ZADD', lane_named(lanes, name).queue, tonumber(score), visitor)",
    to: "redis.call('ZADD', lane_named(lanes, name).queue, tonumber(score) + 1000000, visitor)",
    found: /stood in front/,
  },
  {
    name: 'an idle room needs no token',
    from: 'and room.tokens >= 1',
    to: 'and room.tokens >= 0',
    found: /of a token/,
  },
];

describe('the storm finds it when', () => {
  test.each(mutations)('$name', async ({ found, ...mutation }) => {
    const storm = await QueueStorm.begin(inject('redisUrl'), 7, mutation);
    let verdict: readonly string[] = [];
    for (let part = 0; part < 12 && !verdict.some((one) => found.test(one)); part += 1) {
      await storm.run(250);
      verdict = [...storm.wrongs, ...judgeAdmissions(storm.history.happenings)];
    }
    expect(verdict).toContainEqual(expect.stringMatching(found));
  });
});
