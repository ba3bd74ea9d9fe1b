import { expect, it } from 'vitest';
import { Draw } from '../../src/queue/draw.ts';
import {
  commitmentOf,
  drawKey,
  drawnBelow,
  drawnScore,
  ParticipantsHash,
} from '../../src/queue/draw-score.ts';
import {
  awaitsDraw,
  type DrawState,
  isBeforeOpening,
  keptDrawFields,
  knowsMore,
  noDraw,
  openingOf,
  phaseOf,
  publicDraw,
  readDraw,
} from '../../src/queue/draw-state.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../src/queue/rules.ts';

/** Every expected value here was worked out with openssl, as docs/draw.md tells visitors to. */
const seed = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const visitor = 'A'.repeat(22);

it('commits to the SHA-256 of the seed’s bytes', () => {
  expect(commitmentOf(seed)).toBe('630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd');
});

it('scores by the first 52 bits, big-endian, of HMAC-SHA256(seed, visitor)', () => {
  const key = drawKey(seed, undefined);
  expect(drawnScore(key, visitor)).toBe(0x7203ac40971fa);
  expect(drawnScore(key, '0123456789abcdefghijkl')).toBe(0x3a09beaa0f31c);
  expect(drawnScore(key, 'visitor-é')).toBe(0xd321bbb1ba167);
});

it('mixes a beacon in: the key is SHA-256 of the seed followed by its UTF-8', () => {
  const key = drawKey(seed, 'drand 4123456 é');
  expect(key.toString('hex')).toBe('2206c8e75e406c45df6e37a58f2745ea48fd48d5b9debb59c677aebb2b6c7b5d');
  expect(drawnScore(key, visitor)).toBe(0x9097ef800842b);
});

it('gives integers from 0 to 2^52 - 1 only', () => {
  const key = drawKey(seed, undefined);
  for (let i = 0; i < 5_000; i += 1) {
    const score = drawnScore(key, `visitor-${i}`);
    expect(Number.isSafeInteger(score) && score >= 0 && score < drawnBelow).toBe(true);
  }
});

it('hashes the list of participants as lines, however they are dealt over pages', () => {
  const [whole, pages, nobody] = [new ParticipantsHash(), new ParticipantsHash(), new ParticipantsHash()];
  whole.add(['a:1', 'a:2', 'b:1']);
  pages.add(['a:1']);
  pages.add([]);
  pages.add(['a:2', 'b:1']);
  // printf 'a:1\na:2\nb:1\n' | openssl dgst -sha256
  const hex = whole.hex();
  expect(hex).toBe(pages.hex());
  expect(hex).toBe('481c579e1e3da46b132c169e80c462fa599fc968126720d2bd70d0d149d0451c');
  expect(nobody.hex()).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
});

const rulesWith = (differences: unknown): RoomRules => mergeRules(defaultRules, differences) as RoomRules;
const sealed: DrawState = { ...noDraw, seed, commitment: commitmentOf(seed), sealedAt: 1_000 };

it('tells no seed and no score before the draw is made, and both afterwards', () => {
  const draw = new Draw();
  draw.adopt({ ...sealed, joined: 3, frozenAt: 5_000, participants: 3, hash: 'h' });
  expect(draw.scoreOf(visitor)).toBe(-1);
  const rules = rulesWith({ queue: { method: 'lottery' } });
  expect(JSON.stringify(publicDraw(rules, draw.state))).not.toContain(seed);
  draw.made({ doneAt: 6_000, seed, beacon: undefined });
  expect(draw.scoreOf(visitor)).toBe(0x7203ac40971fa);
  expect(publicDraw(rules, draw.state)).toMatchObject({ seed, participants: 3, participantsHash: 'h' });
});

it('opens a lottery by its schedule, else by the operator’s word, and then only when the draw is made', () => {
  const scheduled = rulesWith({ queue: { method: 'lottery' }, schedule: { opensAt: 5_000 } });
  expect(isBeforeOpening(scheduled, sealed, 4_999)).toBe(true);
  expect(isBeforeOpening(scheduled, sealed, 5_000)).toBe(true);
  expect(isBeforeOpening(scheduled, { ...sealed, frozenAt: 5_000, doneAt: 5_010 }, 5_010)).toBe(false);

  const unscheduled = rulesWith({ queue: { method: 'lottery' } });
  expect(openingOf(unscheduled, sealed)).toBe(Number.POSITIVE_INFINITY);
  expect(openingOf(unscheduled, { ...sealed, openedAt: 7_000 })).toBe(7_000);
});

it('draws nobody when the opening was over before the run had a seed', () => {
  const rules = rulesWith({ queue: { method: 'lottery' }, schedule: { opensAt: 900 } });
  expect(awaitsDraw(rules, sealed)).toBe(false);
  expect(isBeforeOpening(rules, sealed, 2_000)).toBe(false);
});

it('still makes the draw of those who joined when the room is no lottery any more', () => {
  const fifo = rulesWith({ schedule: { opensAt: 5_000 } });
  expect(awaitsDraw(fifo, { ...sealed, joined: 1 })).toBe(true);
  expect(awaitsDraw(fifo, sealed)).toBe(false);
});

it('puts back after a loss all but what must be made again', () => {
  const drawn: DrawState = {
    ...sealed,
    joined: 9,
    frozenAt: 5_000,
    participants: 9,
    hash: 'h',
    beacon: 'b',
    madeAt: 6_000,
    doneAt: 6_000,
  };
  const back = readDraw(new Map(keptDrawFields(drawn)));
  expect(back).toEqual({ ...drawn, doneAt: 0 });
  expect(phaseOf(back, 'a beacon')).toBe('drawing');
  // The list without a public hash is closed anew, so that who comes back is on it.
  const uncounted = readDraw(new Map(keptDrawFields({ ...sealed, frozenAt: 5_000, participants: 9 })));
  expect(uncounted).toEqual(sealed);
});

it('knows when Redis has forgotten something of the draw, and never takes over another seed', () => {
  expect(knowsMore({ ...sealed, beacon: 'b' }, sealed)).toBe(true);
  expect(knowsMore(sealed, { ...sealed, beacon: 'b' })).toBe(false);
  expect(knowsMore(sealed, { ...sealed, seed: 'ff'.repeat(32) })).toBe(false);
});
