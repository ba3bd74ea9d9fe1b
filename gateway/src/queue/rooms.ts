import { randomBytes } from 'node:crypto';
import type { Logger } from '@ropeline/core/log.ts';
import { type Redis, type RedisClient, untilReady } from '@ropeline/core/redis/connect.ts';
import { roomKeys, roomsChannel, roomsKey } from '@ropeline/core/redis/room-keys.ts';
import { ask } from './ask.ts';
import type { QueueEngine } from './engine.ts';
import { RedisLink } from './link.ts';
import { LiveRoom } from './live-room.ts';
import { DataSetWatch } from './recovery/data-set-watch.ts';
import type { RoomMetrics } from './room-metrics.ts';
import { toFields } from './rule-fields.ts';
import type { RoomRules } from './rules.ts';
import { PacedWork } from './visitors/paced-work.ts';

type Options = {
  readonly engine: QueueEngine;
  readonly redis: RedisClient;
  /** A connection of its own: it only listens. */
  readonly subscriber: Redis;
  readonly log: Logger;
  readonly metricsOf: (room: string) => RoomMetrics;
};

const housekeepingMs = 10_000;
/** Rooms that are opened with one round trip. */
const openedTogether = 250;

/** All rooms that this gateway serves, kept in step with Redis and with what other gateways create. */
export class Rooms {
  readonly #options: Options;
  readonly #byName = new Map<string, LiveRoom>();
  readonly #byChannel = new Map<string, LiveRoom>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #gatewayId = randomBytes(8).toString('hex');
  /** How this gateway stands to Redis as a whole; of a cluster one node can be away for some of the rooms. */
  readonly link: RedisLink;
  readonly #work: PacedWork;
  readonly #dataSet: DataSetWatch;
  #housekeeping: NodeJS.Timeout | undefined;
  #generation = 0;

  constructor(options: Options) {
    this.#options = options;
    const { log, redis, subscriber } = options;
    this.link = new RedisLink({
      redis,
      subscriber,
      gatewayId: this.#gatewayId,
      log,
      onChange: (away) => {
        for (const room of this.all()) room.setRedisAway(away);
      },
    });
    this.#dataSet = new DataSetWatch({
      redis,
      rooms: () => [...this.#byName.keys()],
      onOther: () => this.#catchUp(this.#refreshAll()),
    });
    this.#work = new PacedWork({ onError: (error) => log.error({ err: error }, 'a socket was not told') });
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
    const { redis, subscriber } = this.#options;
    await Promise.all([untilReady(redis), untilReady(subscriber)]);
    subscriber.on('message', (channel: string, text: string) => {
      if (channel === roomsChannel) this.#catchUp(this.#open([text]));
      else this.#byChannel.get(channel)?.receive(text);
    });
    // Of a cluster: which rooms are away with the node, each one's next tick finds out.
    redis.on('-node', () => {
      for (const room of this.all()) room.wake();
    });
    // What was published while the subscription was down is gone: read it.
    subscriber.on('ready', () => {
      for (const room of this.all()) void room.resync().catch(() => undefined);
      this.#catchUp(this.#openKnown());
    });
    await subscriber.subscribe(roomsChannel);
    await this.link.start();
    await this.#openKnown();
    await this.#dataSet.start();
    this.#housekeeping = setInterval(() => {
      for (const room of this.#byName.values()) room.forgetOld();
    }, housekeepingMs).unref();
  }

  /** Makes a room unless it exists, and opens it. */
  async create(name: string, rules: RoomRules, author: string, reason = ''): Promise<'created' | 'existed'> {
    const { engine, redis } = this.#options;
    const outcome = await engine.create(name, toFields(rules), {
      epochId: randomBytes(8).toString('hex'),
      author,
      reason,
    });
    await redis.sadd(roomsKey, name);
    await this.#open([name]);
    if (outcome === 'created') await redis.publish(roomsChannel, name);
    return outcome === 'created' ? 'created' : 'existed';
  }

  /**
   * Deletes a room with all that is in it; every gateway drops it at once. Throws as {@link ask} does. The rooms file
   * does not bring it back; who makes a room of its name begins a new run.
   */
  async delete(room: LiveRoom, author: string, reason: string): Promise<void> {
    const { engine, redis } = this.#options;
    await ask(room, () => engine.delete(room.cursor, author, reason));
    await redis.srem(roomsKey, room.name);
    await room.refresh();
  }

  /** Whether there was a room of this name that somebody deleted. */
  async wasDeleted(name: string): Promise<boolean> {
    const { pacer } = roomKeys(name);
    return (await this.#options.redis.hexists(pacer, 'deletedAt')) === 1;
  }

  /** Stops ticking and sends every socket away; resolves when all have been told. */
  stop(): Promise<void> {
    this.link.stop();
    clearInterval(this.#housekeeping);
    this.#dataSet.stop();
    for (const room of this.all()) {
      room.sendEverybodyAway();
      room.stop();
    }
    return this.#work.done();
  }

  /** Those that sleep too: each finds out by itself whether it was lost. */
  async #refreshAll(): Promise<void> {
    const rooms = this.all();
    for (let i = 0; i < rooms.length; i += openedTogether)
      await Promise.allSettled(rooms.slice(i, i + openedTogether).map((room) => room.refresh()));
  }

  async #openKnown(): Promise<void> {
    const names = await this.#options.redis.smembers(roomsKey);
    for (let i = 0; i < names.length; i += openedTogether) {
      await this.#open(names.slice(i, i + openedTogether));
    }
  }

  /** A room is served from the moment that its rules are known; who asks for it meanwhile waits for the same. */
  async #open(names: readonly string[]): Promise<void> {
    const unknown = names.filter((name) => !this.#byName.has(name) && !this.#opening.has(name));
    if (unknown.length > 0) {
      const opening = this.#read(unknown).finally(() => {
        for (const name of unknown) this.#opening.delete(name);
      });
      for (const name of unknown) this.#opening.set(name, opening);
    }
    await Promise.all(names.map((name) => this.#opening.get(name)));
  }

  async #read(names: readonly string[]): Promise<void> {
    const rooms = names.map((name) => this.#make(name));
    for (const room of rooms) this.#byChannel.set(room.cursor.keys.tick, room);
    const opened = new Set<LiveRoom>();
    try {
      await this.#options.subscriber.subscribe(...rooms.map(({ cursor }) => cursor.keys.tick));
      await Promise.all(rooms.map(async (room) => (await room.refresh()) && opened.add(room)));
    } finally {
      for (const room of rooms) {
        if (opened.has(room)) this.#byName.set(room.name, room);
        else this.#forget(room);
      }
      this.#generation += 1;
    }
  }

  #make(name: string): LiveRoom {
    const { engine, log, metricsOf } = this.#options;
    return new LiveRoom({
      name,
      gatewayId: this.#gatewayId,
      link: this.link,
      engine,
      log,
      metrics: metricsOf(name),
      work: this.#work,
      onChange: () => {
        this.#generation += 1;
      },
      onDeleted: (room) => {
        this.#forget(room);
        room.metrics.forget();
      },
    });
  }

  #forget(room: LiveRoom): void {
    room.stop();
    const { tick } = room.cursor.keys;
    if (this.#byName.get(room.name) === room) this.#byName.delete(room.name);
    if (this.#byChannel.get(tick) === room) this.#byChannel.delete(tick);
    this.#options.subscriber.unsubscribe(tick).catch(() => undefined);
    this.#generation += 1;
  }

  #catchUp(work: Promise<void>): void {
    work.catch((error: unknown) => this.#options.log.warn({ err: error }, 'rooms not read'));
  }
}
