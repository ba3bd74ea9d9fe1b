import type { PublicDraw } from '@ropeline/core/protocol/status.ts';
import type { RoomRules } from '../rules.ts';

/** What Redis keeps of a run's draw, in fields `draw.*` of the pacer (lua/include/opening.lua). Times in Unix ms. */
export type DrawState = {
  /** 32 bytes, hex. Secret until `madeAt`. */
  readonly seed: string | undefined;
  readonly commitment: string | undefined;
  /** When the run got its seed; 0 = it has none. */
  readonly sealedAt: number;
  /** Joins into the draw; when it is above 0 a draw is made whatever the method is by then. */
  readonly joined: number;
  /** When an operator opened a lottery that has no schedule; 0 = not. */
  readonly openedAt: number;
  /** When the list of participants was closed; 0 = it is open. */
  readonly frozenAt: number;
  readonly participants: number;
  readonly hash: string | undefined;
  /** The beacon's value. */
  readonly beacon: string | undefined;
  /** When the draw was made first: seed and scores are public. After a loss the scores are only written again. */
  readonly madeAt: number;
  /** When all scores were in the queue and admission could begin; 0 = not yet. */
  readonly doneAt: number;
  /** When an open list was last given up because the room closed: who joined before is over. 0 = never. */
  readonly endedAt: number;
};

export const noDraw: DrawState = {
  seed: undefined,
  commitment: undefined,
  sealedAt: 0,
  joined: 0,
  openedAt: 0,
  frozenAt: 0,
  participants: 0,
  hash: undefined,
  beacon: undefined,
  madeAt: 0,
  doneAt: 0,
  endedAt: 0,
};

export function readDraw(pacer: ReadonlyMap<string, string>): DrawState {
  const text = (name: string): string | undefined => pacer.get(`draw.${name}`);
  const count = (name: string): number => Number(text(name) ?? 0);
  return {
    seed: text('seed'),
    commitment: text('commitment'),
    sealedAt: count('sealedAt'),
    joined: count('joined'),
    openedAt: count('openedAt'),
    frozenAt: count('frozenAt'),
    participants: count('participants'),
    hash: text('hash'),
    beacon: text('beacon'),
    madeAt: count('madeAt'),
    doneAt: count('doneAt'),
    endedAt: count('endedAt'),
  };
}

/**
 * What must be put back of a draw that Redis has lost, as fields of the pacer. A list whose hash is not public is
 * closed anew, so that who comes back within the settling time is on it; one whose hash is public stays what it was.
 */
export function keptDrawFields(draw: DrawState): readonly (readonly [string, string])[] {
  if (draw.seed === undefined || draw.commitment === undefined) return [];
  const {
    seed,
    commitment,
    sealedAt,
    joined,
    openedAt,
    frozenAt,
    participants,
    hash,
    beacon,
    madeAt,
    endedAt,
  } = draw;
  const list = hash === undefined ? {} : { frozenAt, participants };
  const numbers = { sealedAt, joined, openedAt, ...list, madeAt, endedAt };
  return [
    ['draw.seed', seed],
    ['draw.commitment', commitment],
    ...Object.entries(numbers)
      .filter(([, value]) => value > 0)
      .map(([name, value]) => [`draw.${name}`, String(value)] as const),
    ...(hash === undefined ? [] : [['draw.hash', hash] as const]),
    ...(beacon === undefined ? [] : [['draw.beacon', beacon] as const]),
  ];
}

/** Whether `mine`, of the same run, knows something that `theirs` does not. */
export function knowsMore(mine: DrawState, theirs: DrawState): boolean {
  if (mine.seed === undefined || (theirs.seed !== undefined && theirs.seed !== mine.seed)) return false;
  const known = new Map(keptDrawFields(theirs));
  return keptDrawFields(mine).some(([field]) => !known.has(field));
}

/** Where a draw stands: `gathering` participants, `counting` them, waiting for the `beacon`, `drawing`, `drawn`. */
export type DrawPhase = 'gathering' | 'counting' | 'beacon' | 'drawing' | 'drawn';

export function phaseOf(draw: DrawState, beaconName: string): DrawPhase {
  if (draw.doneAt > 0) return 'drawn';
  if (draw.frozenAt === 0) return 'gathering';
  if (draw.hash === undefined) return 'counting';
  return beaconName !== '' && draw.beacon === undefined ? 'beacon' : 'drawing';
}

/** The rules that decide about the opening. */
export type OpeningRules = Pick<RoomRules, 'schedule' | 'queue'>;

/** A draw is made before anybody is admitted. */
export function isLottery({ queue }: OpeningRules, draw: DrawState): boolean {
  return queue.method === 'lottery' || draw.joined > 0;
}

/** When the room opens, Unix ms; Infinity for a lottery that waits for its operator's word. As lua/include/opening.lua. */
export function openingOf(rules: OpeningRules, draw: DrawState): number {
  const { opensAt } = rules.schedule;
  if (opensAt !== undefined && opensAt > 0) return opensAt;
  if (!isLottery(rules, draw)) return 0;
  return draw.openedAt || draw.frozenAt || Number.POSITIVE_INFINITY;
}

export function awaitsDraw(rules: OpeningRules, draw: DrawState): boolean {
  if (draw.doneAt > 0 || !isLottery(rules, draw)) return false;
  return draw.frozenAt > 0 || openingOf(rules, draw) > draw.sealedAt;
}

/** Nobody is admitted and nobody has a number. `now` is Redis time, Unix ms. */
export function isBeforeOpening(rules: OpeningRules, draw: DrawState, now: number): boolean {
  return now < openingOf(rules, draw) || awaitsDraw(rules, draw);
}

/** What everybody may know of the draw now; undefined where there is none. The seed only once the draw is made. */
export function publicDraw(rules: OpeningRules, draw: DrawState): PublicDraw | undefined {
  const { commitment, frozenAt, participants, hash, beacon, seed, madeAt } = draw;
  if (commitment === undefined || !isLottery(rules, draw)) return undefined;
  const beaconName = rules.queue.beacon;
  return {
    commitment,
    ...(beaconName === '' ? {} : { beaconName }),
    ...(frozenAt === 0 || hash === undefined ? {} : { participants, participantsHash: hash }),
    ...(beacon === undefined ? {} : { beacon }),
    ...(madeAt === 0 || seed === undefined ? {} : { seed }),
  };
}
