import { randomBytes } from 'node:crypto';
import type { Logger } from '@ropeline/core/log.ts';
import { type Redis, untilReady } from '@ropeline/core/redis/connect.ts';
import { roomsChannel, roomsKey } from '@ropeline/core/redis/room-keys.ts';
import type { QueueEngine } from './engine.ts';
import { LiveRoom } from './live-room.ts';
import type { RoomMetrics } from './room-metrics.ts';
import { toFields } from './rule-fields.ts';
import type { RoomRules } from './rules.ts';

type Options = {
  readonly engine: QueueEngine;
  readonly redis: Redis;
  /** A connection of its own: it only listens. */
  readonly subscriber: Redis;
  readonly log: Logger;
  readonly metricsOf: (room: string) => RoomMetrics;
};

/** All rooms that this gateway serves, kept in step with Redis and with what other gateways create. */
export class Rooms {
  readonly #options: Options;
  readonly #byName = new Map<string, LiveRoom>();
  readonly #byChannel = new Map<string, LiveRoom>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #gatewayId = randomBytes(8).toString('hex');
  #generation = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  get(name: string): LiveRoom | undefined {
    return this.#byName.get(name);
  }

  all(): readonly LiveRoom[] {
    return [...this.#byName.values()];
  }

  /** Grows with every change of any room's rules: what is derived from them is then stale. */
  get generation(): number {
    return this.#generation;
  }

  /** Opens every room there is. Throws when Redis does not answer. */
  async start(): Promise<void> {
    const { redis, subscriber, log } = this.#options;
    await Promise.all([untilReady(redis), untilReady(subscriber)]);
    subscriber.on('message', (channel: string, text: string) => {
      if (channel === roomsChannel)
        this.#openKnown().catch((error: unknown) => log.warn({ err: error }, 'rooms not read'));
      else this.#byChannel.get(channel)?.receive(text);
    });
    redis.on('close', () => this.#setAway(true));
    redis.on('ready', () => this.#setAway(false));
    // What was published while the subscription was down is gone: read it.
    subscriber.on('ready', () => {
      for (const room of this.all()) void room.resync().catch(() => undefined);
    });
    await subscriber.subscribe(roomsChannel);
    await this.#openKnown();
  }

  /** Makes a room unless it exists, and opens it. */
  async create(name: string, rules: RoomRules, author: string): Promise<'created' | 'existed'> {
    const { engine, redis } = this.#options;
    const outcome = await engine.create(name, toFields(rules), {
      epochId: randomBytes(8).toString('hex'),
      lastEpoch: 0,
      run: 1,
      settleMs: 0,
      replaces: '',
      author,
    });
    await redis.sadd(roomsKey, name);
    await this.#open(name);
    await redis.publish(roomsChannel, name);
    return outcome;
  }

  /** Sends every socket away and stops ticking. */
  stop(): void {
    for (const room of this.all()) {
      room.sendEverybodyAway();
      room.stop();
    }
  }

  async #openKnown(): Promise<void> {
    const names = await this.#options.redis.smembers(roomsKey);
    for (const name of names) await this.#open(name);
  }

  /** A room is served from the moment that its rules are known; who asks for it meanwhile waits for the same. */
  async #open(name: string): Promise<void> {
    if (this.#byName.has(name)) return;
    const opening = this.#opening.get(name) ?? this.#read(name).finally(() => this.#opening.delete(name));
    this.#opening.set(name, opening);
    await opening;
  }

  async #read(name: string): Promise<void> {
    const { engine, log, metricsOf, subscriber } = this.#options;
    const room = new LiveRoom({
      name,
      gatewayId: this.#gatewayId,
      engine,
      log,
      metrics: metricsOf(name),
      onChange: () => {
        this.#generation += 1;
      },
    });
    const { tick } = room.cursor.keys;
    this.#byChannel.set(tick, room);
    let exists = false;
    try {
      await subscriber.subscribe(tick);
      exists = await room.refresh();
    } finally {
      if (!exists) {
        room.stop();
        this.#byChannel.delete(tick);
      }
    }
    if (!exists) return;
    this.#byName.set(name, room);
    this.#generation += 1;
  }

  #setAway(away: boolean): void {
    for (const room of this.all()) room.setRedisAway(away);
  }
}
