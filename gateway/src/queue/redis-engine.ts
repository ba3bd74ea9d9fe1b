import type { RedisClient } from '@ropeline/core/redis/connect.ts';
import { roomKeys } from '@ropeline/core/redis/room-keys.ts';
import type { Script, ScriptArg } from '@ropeline/core/redis/script.ts';
import { accepted } from './accepted.ts';
import { Batcher } from './batcher.ts';
import { DrawEngine } from './draw/draw-engine.ts';
import type {
  ChangeOutcome,
  ClaimOutcome,
  CreateOptions,
  Entered,
  Found,
  JoinOutcome,
  JoinRefusal,
  JoinRequest,
  Mark,
  Marked,
  Place,
  QueueEngine,
  RoomChange,
  Stock,
  Tick,
} from './engine.ts';
import { RecoveryEngine } from './recovery/recovery-engine.ts';
import type { RoomCursor } from './room-cursor.ts';
import * as scripts from './scripts.ts';

/**
 * What the items of a batch were made for: lane indexes and the age of tickets mean something else in another. Items
 * that still wait when it changes are refused by the script, and asked again by whoever sent them.
 */
type View = { readonly epochId: string; readonly lanesText: string };

type Batchers = {
  readonly join: Batcher<JoinRequest, JoinOutcome>;
  readonly lookUp: Batcher<Place, Found>;
  readonly claim: Batcher<string, ClaimOutcome>;
  readonly leave: Batcher<readonly [string, string], boolean>;
  readonly renew: Batcher<readonly [string, number], number>;
  readonly mark: Batcher<readonly [Place, Mark], Marked>;
};

/**
 * {@link QueueEngine} by the scripts of lua/. `observe` is told how long each script call took, seconds;
 * `observeJoins` how many joins went as one.
 */
export class RedisQueueEngine implements QueueEngine {
  readonly draw: DrawEngine;
  readonly recovery: RecoveryEngine;
  readonly #redis: RedisClient;
  readonly #observe: (script: string, seconds: number) => void;
  readonly #observeJoins: (joins: number) => void;
  readonly #batchers = new WeakMap<RoomCursor, { readonly view: View; readonly batchers: Batchers }>();

  constructor(
    redis: RedisClient,
    observe: (script: string, seconds: number) => void = () => undefined,
    observeJoins: (joins: number) => void = () => undefined,
  ) {
    this.#redis = redis;
    this.draw = new DrawEngine(redis);
    this.recovery = new RecoveryEngine(redis);
    this.#observe = observe;
    this.#observeJoins = observeJoins;
  }

  async create(
    room: string,
    fields: ReadonlyMap<string, string>,
    options: CreateOptions,
  ): Promise<'created' | 'existed' | 'deleted'> {
    const keys = roomKeys(room);
    const { epochId, author, reason = '', remembered } = options;
    const { epoch = 0, run = 1, settleMs = 0, version = 0, turn = 0, firstTurn = 0 } = remembered ?? {};
    const { holdMs = 0, lanes = [], epochId: replaces = '' } = remembered ?? {};
    const { presence, admitted, active, turns, over, ended, arrivals, drawn } = keys;
    const parts = [presence, admitted, active, turns, over, ended, arrivals, drawn];
    const laneKeys = lanes.flatMap((lane) => [keys.queue(lane), keys.away(lane)]);
    const pairs = [...fields].filter(([, value]) => value !== '').flat();
    return this.#timed(
      scripts.createRoom,
      [keys.config, keys.pacer, keys.audit, keys.roll, ...parts, ...laneKeys],
      [epochId, epoch, run, settleMs, replaces, author, version, turn, firstTurn, holdMs, reason, ...pairs],
    );
  }

  async delete(cursor: RoomCursor, author: string, reason: string): Promise<void> {
    const { config, pacer, audit, tick, ...others } = cursor.keys;
    const parts = Object.values(others).filter((key) => typeof key === 'string');
    const keys = [config, pacer, audit, ...parts];
    await this.#call(cursor, scripts.deleteRoom, keys, [tick, author, reason]);
  }

  async read(room: string, lanes: readonly string[]): Promise<scripts.RoomReading> {
    const keys = roomKeys(room);
    const laneKeys = lanes.flatMap((lane) => [keys.queue(lane), keys.away(lane)]);
    const askedAt = Date.now();
    const all = [keys.config, keys.pacer, keys.admitted, keys.active, ...laneKeys];
    return { ...(await this.#timed(scripts.readRoom, all, [])), askedAt };
  }

  join(cursor: RoomCursor, request: JoinRequest): Promise<JoinOutcome> {
    return this.#of(cursor).join.add(request);
  }

  async seat(cursor: RoomCursor, place: Place): Promise<JoinOutcome | undefined> {
    const outcome = await this.join(cursor, { ...place, fresh: nobody });
    return outcome.refused === undefined && outcome.visitor === nobody ? undefined : outcome;
  }

  lookUp(cursor: RoomCursor, place: Place): Promise<Found> {
    return this.#of(cursor).lookUp.add(place);
  }

  claim(cursor: RoomCursor, visitor: string): Promise<ClaimOutcome> {
    return this.#of(cursor).claim.add(visitor);
  }

  leave(cursor: RoomCursor, visitor: string, reason: 'left' | 'revoked'): Promise<boolean> {
    return this.#of(cursor).leave.add([visitor, reason]);
  }

  renew(cursor: RoomCursor, visitor: string, turn: number): Promise<number> {
    return this.#of(cursor).renew.add([visitor, turn]);
  }

  mark(cursor: RoomCursor, place: Place, mark: Mark): Promise<Marked> {
    return this.#of(cursor).mark.add([place, mark]);
  }

  async enter(cursor: RoomCursor, run: number, entries: readonly Entered[]): Promise<void> {
    const { config, pacer, presence, admitted, active, turns, over, tick } = cursor.keys;
    const args = entries.flatMap(({ visitor, stage, lane, score, turn, deadline }) => [
      ...[visitor, enteredAs[stage], lane + 1, score, turn, deadline],
    ]);
    await this.#call(
      cursor,
      scripts.enterAdmitted,
      [config, pacer, presence, admitted, active, turns, over],
      [cursor.lanesText, tick, run, ...args],
    );
  }

  async tick(cursor: RoomCursor, holder: string): Promise<Tick> {
    const { config, pacer, presence, admitted, active, turns, over, ended } = cursor.keys;
    const { history, holders, roll, drawn, tick } = cursor.keys;
    const { now, rest } = await this.#call(
      cursor,
      scripts.tickRoom,
      [config, pacer, presence, admitted, active, turns, over, history, holders, roll, drawn, ended],
      [cursor.lanesText, tick, holder],
    );
    const [worked = 0, given = 0, nextDeadline = 0, waiting = 0, inside = 0, lapsed = 0] = rest;
    return { now, worked: worked === 1, admitted: given, nextDeadline, waiting, inside, lapsed };
  }

  async change(cursor: RoomCursor, change: RoomChange): Promise<ChangeOutcome> {
    const { keys } = cursor;
    const { expectedVersion, author, action, reason, fields, removedLanes = [] } = change;
    const laneKeys = removedLanes.flatMap((lane) => [keys.queue(lane), keys.away(lane)]);
    const { epochId } = cursor;
    const answer = await this.#timed(
      scripts.changeRoom,
      [keys.config, keys.pacer, keys.audit, ...laneKeys],
      [epochId, cursor.sequence, keys.tick, expectedVersion, author, action, reason, ...fields.flat()],
    );
    if (answer === 'occupied') return { occupied: true };
    if (answer === 'beacon-settled') return { beaconSettled: true };
    if (typeof answer === 'object' && 'conflict' in answer) return answer;
    return { version: accepted(cursor, epochId, answer).rest[0] as number };
  }

  async signal(cursor: RoomCursor, { capacity, held, sold }: Stock, author: string): Promise<void> {
    const { keys } = cursor;
    const args = [keys.tick, capacity, held, sold, author];
    await this.#call(cursor, scripts.signalRoom, [keys.config, keys.pacer, keys.audit], args, false);
  }

  async reset(cursor: RoomCursor, author: string, reason: string): Promise<void> {
    const { keys } = cursor;
    const { config, pacer, presence, admitted, active, turns, over, ended } = keys;
    const { arrivals, history, audit, roll, drawn } = keys;
    await this.#call(
      cursor,
      scripts.resetRoom,
      [config, pacer, presence, admitted, active, turns, over, arrivals, history, audit, roll, drawn, ended],
      [keys.tick, author, reason],
    );
  }

  /** Calls a script with the cursor's words in front, lane keys behind, and looks at what it refused. */
  async #call(
    cursor: RoomCursor,
    script: Script<scripts.Answer>,
    keys: readonly string[],
    args: readonly ScriptArg[],
    withLanes = true,
    epochId = cursor.epochId,
  ): Promise<scripts.Groups> {
    const all = withLanes ? [...keys, ...cursor.laneKeys()] : keys;
    const askedAt = Date.now();
    const answer = await this.#timed(script, all, [epochId, cursor.sequence, ...args]);
    const groups = accepted(cursor, epochId, answer);
    cursor.sawTime(groups.now, askedAt);
    return groups;
  }

  /** Every script goes through here, so that the time of each is told, also of one that fails at its deadline. */
  async #timed<T>(script: Script<T>, keys: readonly string[], args: readonly ScriptArg[]): Promise<T> {
    const started = performance.now();
    try {
      return await script.call(this.#redis, keys, args);
    } finally {
      this.#observe(script.contract.file, (performance.now() - started) / 1_000);
    }
  }

  #of(cursor: RoomCursor): Batchers {
    const { epochId, lanesText } = cursor;
    const known = this.#batchers.get(cursor);
    if (known?.view.epochId === epochId && known.view.lanesText === lanesText) return known.batchers;
    const view = { epochId, lanesText };
    const batchers = this.#batch(cursor, view);
    this.#batchers.set(cursor, { view, batchers });
    return batchers;
  }

  #batch(cursor: RoomCursor, view: View): Batchers {
    const { config, pacer, presence, admitted, active, turns, over, arrivals, roll, drawn, tick } =
      cursor.keys;
    const { ended, codes, codeBatches } = cursor.keys;
    const send = (
      script: Script<scripts.Answer>,
      keys: readonly string[],
      args: readonly ScriptArg[],
      withLanes = true,
    ): Promise<scripts.Groups> => this.#call(cursor, script, keys, args, withLanes, view.epochId);
    return {
      join: new Batcher(async (items) => {
        this.#observeJoins(items.length);
        const args = items.map(joinArgument);
        const seats = [config, pacer, presence, admitted, active, turns, over, arrivals, drawn];
        const keys = [...seats, codes, codeBatches];
        const { rest, sequence } = await send(scripts.joinVisitors, keys, [view.lanesText, tick, ...args]);
        return items.map((item, i) => joinOutcome(item, rest.slice(i * 5, i * 5 + 5), sequence));
      }),
      lookUp: new Batcher(async (items) => {
        const args = items.flatMap(({ visitor, lane, score }) => [visitor, lane + 1, score]);
        const keys = [config, pacer, admitted, active, turns, over, drawn];
        const { rest, sequence } = await send(scripts.lookUpVisitors, keys, [view.lanesText, ...args]);
        return items.map((_, i) => found(rest.slice(i * 5, i * 5 + 5), sequence));
      }),
      claim: new Batcher(async (items) => {
        const keys = [config, pacer, admitted, active, turns, over];
        const { rest } = await send(scripts.claimTurns, keys, [tick, ...items], false);
        return items.map((_, i) => claimOutcome(rest.slice(i * 4, i * 4 + 4)));
      }),
      leave: new Batcher(async (items) => {
        const keys = [config, pacer, presence, admitted, active, turns, over, drawn, ended];
        const { rest } = await send(scripts.leavePlaces, keys, [view.lanesText, tick, ...items.flat()]);
        return rest.map((code) => code > 0);
      }),
      renew: new Batcher(async (items) => {
        const keys = [config, pacer, active, turns];
        return (await send(scripts.renewSessions, keys, [tick, ...items.flat()], false)).rest;
      }),
      mark: new Batcher(async (items) => {
        const args = items.flatMap(([{ visitor, lane }, mark]) => [visitor, lane + 1, mark]);
        const { rest, sequence } = await send(
          scripts.markPresence,
          [config, pacer, presence, roll],
          [view.lanesText, ...args],
        );
        return rest.map((code) => ({ waiting: code === 1, sequence }));
      }),
    };
  }
}

/** In place of the id of a new place: none is wanted when this one is over. */
const nobody = '-';

/** As join_visitors takes it: one word a join, for the parsing of many small ones costs more than their matching. */
function joinArgument({ visitor, lane, score, fresh, code }: JoinRequest): string {
  const place = `${visitor}:${lane + 1}${score === 0 ? '' : `:${score}:${fresh}`}`;
  return code === undefined ? place : `${place}#${code}`;
}

const refusals: Record<number, JoinRefusal> = {
  10: 'closed',
  11: 'sold-out',
  12: 'drained',
  13: 'full',
  14: 'scheduled',
  15: 'unsealed',
  16: 'uninvited',
};
const joinStates = ['waiting', 'waiting', 'admitted', 'admitted', 'active'] as const;

function joinOutcome(item: JoinRequest, group: readonly number[], sequence: number): JoinOutcome {
  const [code = -1, score = 0, deadline = 0, fourth = 0, fifth = 0] = group;
  const refused = refusals[code];
  if (refused !== undefined) return { refused };
  const state = joinStates[code];
  if (state === undefined) throw new Error(`join_visitors answered ${code}`);
  const isFresh = fifth % 2 === 1;
  const visitor = isFresh ? item.fresh : item.visitor;
  const granted = Math.floor(fifth / 2);
  const lane = granted > 0 ? granted - 1 : isFresh ? 0 : item.lane;
  const [turn, position] = state === 'waiting' ? [0, fourth] : [fourth, 0];
  return { isNew: code === 0 || code === 2, visitor, lane, score, state, deadline, turn, position, sequence };
}

const foundStates = [
  'waiting',
  'away',
  'admitted',
  'active',
  'ended',
  'lapsed',
  'left',
  'revoked',
  'sold-out',
  'closed',
  'unknown',
] as const;

function found(group: readonly number[], sequence: number): Found {
  const [code = -1, score = 0, deadline = 0, turn = 0, rank = 0] = group;
  const state = foundStates[code];
  if (state === undefined) throw new Error(`look_up_visitors answered ${code}`);
  return { state, score, deadline, turn, rank, sequence };
}

function claimOutcome(group: readonly number[]): ClaimOutcome {
  const [code = -1, turn = 0, deadline = 0, claimBy = 0] = group;
  if (code === 0 || code === 1) return { claimed: true, again: code === 1, turn, deadline, claimBy };
  return { claimed: false, why: code === 3 ? 'turn-lapsed' : 'not-admitted' };
}

const enteredAs = { turn: 'a', session: 'c', place: 'w' } as const;
