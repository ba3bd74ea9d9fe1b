import { uniqueRoom } from '../../../testing/scope.ts';
import type { Broadcast, RoomEvent } from '../../src/queue/broadcast.ts';
import type { JoinOutcome, RoomChange } from '../../src/queue/engine.ts';
import { RedisQueueEngine } from '../../src/queue/redis-engine.ts';
import { RoomCursor } from '../../src/queue/room-cursor.ts';
import { toFields } from '../../src/queue/rule-fields.ts';
import { defaultRules, mergeRules, type RoomRules } from '../../src/queue/rules.ts';
import { type BareEngine, observe } from './queue-observer.ts';
import { virtualClock } from './virtual-clock.ts';

type Seated = Extract<JoinOutcome, { readonly refused?: undefined }>;

/** A room on the real scripts whose time passes only when it is told to: what happens when is exact. */
export class VirtualRoom {
  readonly engine: RedisQueueEngine;
  readonly cursor: RoomCursor;
  readonly redis: BareEngine['redis'];
  readonly #clock: Awaited<ReturnType<typeof virtualClock>>;
  readonly #observer: Awaited<ReturnType<typeof observe>>;
  /** Every event that was heard, in order. */
  readonly told: RoomEvent[] = [];
  #heard = 0;
  now: number;

  private constructor(
    bare: BareEngine,
    clock: Awaited<ReturnType<typeof virtualClock>>,
    observer: Awaited<ReturnType<typeof observe>>,
    now: number,
  ) {
    this.engine = bare.engine;
    this.cursor = bare.cursor;
    this.redis = bare.redis;
    this.#clock = clock;
    this.#observer = observer;
    this.now = now;
  }

  /** `differences` from the default rules; times in them count from `VirtualRoom.begins`. */
  static async open(url: string, differences: unknown): Promise<VirtualRoom> {
    const room = uniqueRoom();
    const clock = await virtualClock(url, `ropeline:{${room}}:clock`);
    await clock.set(VirtualRoom.begins);
    const redis = await clock.connect();
    const engine = new RedisQueueEngine(redis);
    const rules = mergeRules(defaultRules, differences) as RoomRules;
    const options = { epochId: 'e0', lastEpoch: 0, run: 1, settleMs: 0, replaces: '', author: 'test' };
    await engine.create(room, toFields(rules), options);
    const cursor = new RoomCursor(room);
    cursor.adopt(await engine.read(room, []));
    const bare = { redis, engine, cursor };
    return new VirtualRoom(bare, clock, await observe(url, bare), VirtualRoom.begins);
  }

  static readonly begins = Date.UTC(2026, 5, 1);

  async pass(ms: number): Promise<void> {
    this.now += ms;
    await this.#clock.set(this.now);
  }

  /** Visitors of this tick that were admitted, lane by lane. */
  async tick(gateway = ''): Promise<readonly string[]> {
    await this.events();
    await this.engine.tick(this.cursor, gateway);
    return admittedOf(await this.events());
  }

  /** Ticks once a slot for so long. */
  async serve(ms: number, gateway = ''): Promise<readonly string[]> {
    const admitted: string[] = [];
    for (const end = this.now + ms; this.now < end; ) {
      await this.pass(Math.min(50, end - this.now));
      admitted.push(...(await this.tick(gateway)));
    }
    return admitted;
  }

  async join(visitor: string, lane = 0, score = 0): Promise<Seated> {
    const joined = await this.tryJoin(visitor, lane, score);
    if (joined.refused !== undefined) throw new Error(`refused: ${joined.refused}`);
    return joined;
  }

  tryJoin(visitor: string, lane = 0, score = 0): Promise<JoinOutcome> {
    const fresh = score === 0 ? visitor : `${visitor}-new`;
    return this.engine.join(this.cursor, { visitor, fresh, lane, score });
  }

  async crowd(count: number, prefix = 'v', lane = 0): Promise<readonly Seated[]> {
    return Promise.all(Array.from({ length: count }, (_, i) => this.join(`${prefix}${i + 1}`, lane)));
  }

  async change(fields: RoomChange['fields'], action = 'patch'): Promise<void> {
    const change = { author: 'test', action, reason: '', expectedVersion: 0, fields };
    await this.engine.change(this.cursor, change);
  }

  /** What was published since this was asked last. */
  async broadcasts(): Promise<readonly Broadcast[]> {
    await this.#observer.caughtUp();
    const since = this.#observer.heard.slice(this.#heard);
    this.#heard = this.#observer.heard.length;
    this.told.push(...since.flatMap(({ events }) => events));
    return since;
  }

  async events(): Promise<readonly RoomEvent[]> {
    return (await this.broadcasts()).flatMap(({ events }) => events);
  }
}

export function admittedOf(events: readonly RoomEvent[]): readonly string[] {
  return events.flatMap((event) => (event.type === 'admitted' ? [event.visitor] : []));
}
