import { uniqueRoom } from '../../../testing/scope.ts';
import type { Broadcast, RoomEvent } from '../../src/queue/broadcast.ts';
import { RedisQueueEngine } from '../../src/queue/redis-engine.ts';
import { RoomCursor } from '../../src/queue/room-cursor.ts';
import { toFields } from '../../src/queue/rule-fields.ts';
import { defaultRules } from '../../src/queue/rules.ts';
import { History } from './history.ts';
import { type BareEngine, observe } from './queue-observer.ts';
import { pick, randomFrom } from './random.ts';
import { type Mutation, virtualClock } from './virtual-clock.ts';

export const weights = { standard: 1, priority: 3, late: 6 } as const;
const lanes = Object.keys(weights);
const holderRenewMs = 2_000;

const rules = {
  ...defaultRules,
  admission: { ratePerMinute: 600, burst: 0, capacity: 40 },
  claim: { windowSeconds: 2, confirm: 'auto' as const, lapsesAllowed: 1 },
  session: { ttlSeconds: 6, renew: true },
  presence: { graceSeconds: 5, leaseSeconds: 10 },
  lanes: lanes.map((name, i) => ({ name, weight: Object.values(weights)[i] ?? 1 })),
};

type Person = {
  readonly visitor: string;
  readonly lane: number;
  readonly score: number;
  state: 'waiting' | 'admitted' | 'active' | 'away' | 'over';
  turn: number;
  /** Of the session. */
  deadline: number;
  /** Which gateway holds the socket. */
  held: Gateway | undefined;
  polls: boolean;
};
type Gateway = BareEngine & { readonly id: string; renewedAt: number };

/**
 * A crowd and a few gateways that do whatever comes to their minds with the real scripts on a real Redis. Time is
 * virtual and one step follows another, so a seed decides everything and a run of minutes takes seconds. Of the
 * gateways there is only the part that talks to Redis; here they answer calls and roll calls as they promise to.
 */
export class QueueStorm {
  readonly history = new History(weights);
  readonly people = new Map<string, Person>();
  /** What was done to people who were there, as sentences. */
  readonly wrongs: string[] = [];
  readonly #random: () => number;
  readonly #clock: Awaited<ReturnType<typeof virtualClock>>;
  readonly #observer: Awaited<ReturnType<typeof observe>>;
  readonly #open: () => Promise<Gateway>;
  readonly #gateways: Gateway[];
  readonly #rules = { ...rules.admission, paused: false, drained: false };
  #heard = 0;
  #names = 0;
  now: number;

  private constructor(
    seed: number,
    now: number,
    clock: Awaited<ReturnType<typeof virtualClock>>,
    observer: Awaited<ReturnType<typeof observe>>,
    gateways: Gateway[],
    open: () => Promise<Gateway>,
  ) {
    this.#random = randomFrom(seed);
    this.now = now;
    this.#clock = clock;
    this.#observer = observer;
    this.#gateways = gateways;
    this.#open = open;
    this.history.rules(0, now, { ...rules.admission, serves: true });
  }

  static async begin(url: string, seed: number, mutation?: Mutation): Promise<QueueStorm> {
    const now = Date.UTC(2026, 5, 1);
    const room = uniqueRoom();
    const clock = await virtualClock(url, `ropeline:{${room}}:clock`, mutation);
    await clock.set(now);
    let ids = 0;
    const open = async (): Promise<Gateway> => {
      const redis = await clock.connect();
      const engine = new RedisQueueEngine(redis);
      const options = { epochId: 'e0', author: 'test' };
      await engine.create(room, toFields(rules), options);
      const cursor = new RoomCursor(room);
      cursor.adopt(await engine.read(room, lanes));
      ids += 1;
      return { redis, engine, cursor, id: `g${ids}`, renewedAt: 0 };
    };
    const gateways = [await open(), await open(), await open()];
    const observer = await observe(url, gateways[0] as Gateway);
    return new QueueStorm(seed, now, clock, observer, gateways, open);
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      const stalls = this.#random() < 0.002;
      await this.#pass(stalls ? 500 + this.#random() * 3_000 : this.#random() * 40);
      const operation = pick(this.#random, operations);
      await this[operation]();
      await this.hear();
    }
  }

  /** Admits whoever still waits. */
  async finish(): Promise<void> {
    Object.assign(this.#rules, { ratePerMinute: 60_000, capacity: 100_000, paused: false, drained: false });
    await this.#change();
    for (let slot = 0; slot < 1_000; slot += 1) {
      await this.#pass(50);
      const { waiting } = await this.tick();
      await this.hear();
      if (waiting === 0) return;
    }
  }

  /** Visitors in the queues of Redis. */
  async inRedis(): Promise<readonly string[]> {
    const { redis, cursor } = this.#any();
    const members = lanes.map((lane) => redis.zrangebyscore(cursor.keys.queue(lane), '-inf', '+inf'));
    return (await Promise.all(members)).flat().map(String);
  }

  async tick(): Promise<{ readonly waiting: number }> {
    const gateway = this.#any();
    const holds = [...this.people.values()].some(({ held }) => held === gateway);
    const renews = holds && this.now - gateway.renewedAt >= holderRenewMs;
    if (renews) gateway.renewedAt = this.now;
    const tick = await gateway.engine.tick(gateway.cursor, renews ? gateway.id : '');
    if (tick.worked) this.history.add(gateway.cursor.sequence, 1, { type: 'tick', at: this.now });
    return tick.worked ? tick : { waiting: -1 };
  }

  async hear(): Promise<void> {
    await this.#observer.caughtUp();
    for (; this.#heard < this.#observer.heard.length; this.#heard += 1) {
      const broadcast = this.#observer.heard[this.#heard] as Broadcast;
      this.history.hear(broadcast);
      for (const event of broadcast.events) await this.#react(event);
    }
  }

  async join(): Promise<void> {
    const { engine, cursor } = this.#any();
    const size = 1 + Math.floor(this.#random() * 4);
    const batch = Array.from({ length: size }, async () => {
      this.#names += 1;
      const lane = Math.floor(this.#random() * lanes.length);
      const visitor = `v${this.#names}`;
      const joined = await engine.join(cursor, { visitor, fresh: visitor, lane, score: 0 });
      if (joined.refused === undefined) this.#seat(visitor, joined);
      else if (joined.refused !== 'drained' || !this.#rules.drained)
        this.wrongs.push(`refused: ${joined.refused}`);
    });
    await Promise.all(batch);
  }

  /** A reload, maybe at another gateway: neither moves nor doubles a place; one that is over gives another. */
  async joinAgain(): Promise<void> {
    const person = this.#someone();
    if (person === undefined) return;
    const { engine, cursor } = this.#any();
    const { visitor, lane, score } = person;
    this.#names += 1;
    const fresh = `v${this.#names}`;
    const joined = await engine.join(cursor, { visitor, fresh, lane, score });
    if (joined.refused !== undefined) return;
    if (joined.visitor === fresh) {
      if (person.state !== 'over') this.wrongs.push(`${visitor} lost a place by asking for it`);
      this.#seat(fresh, joined);
      return;
    }
    if (joined.score !== score) this.wrongs.push(`${visitor} moved from ${score} to ${joined.score}`);
    if (joined.state === 'waiting') this.#back(person, joined.sequence);
  }

  async claim(): Promise<void> {
    const person = this.#someone('admitted') ?? this.#someone();
    if (person === undefined) return;
    const { engine, cursor } = this.#any();
    const twice = [person.visitor, person.visitor].map((visitor) => engine.claim(cursor, visitor));
    const [first, again] = await Promise.all(twice);
    // A session past its deadline is over, found or not.
    const lives = person.state === 'active' && person.deadline > this.now;
    if (first?.claimed !== (lives || person.state === 'admitted'))
      this.wrongs.push(`${person.visitor}, who was ${person.state}, claimed: ${first?.claimed}`);
    if (first?.claimed && !(again?.claimed && again.again && again.turn === first.turn))
      this.wrongs.push(`${person.visitor} claimed two turns`);
  }

  async renew(): Promise<void> {
    const person = this.#someone('active');
    if (person !== undefined)
      await this.#withAny(({ engine, cursor }) => engine.renew(cursor, person.visitor, person.turn));
  }

  async leave(): Promise<void> {
    const person = this.#someone(pick(this.#random, ['active', 'active', 'admitted', 'waiting', 'away']));
    if (person !== undefined)
      await this.#withAny(({ engine, cursor }) => engine.leave(cursor, person.visitor, 'left'));
  }

  /** Somebody opens a socket, or opens it again elsewhere; the old gateway hears of the close late. */
  async openSocket(): Promise<void> {
    const person = this.#someone('waiting') ?? this.#someone('away');
    if (person === undefined) return;
    const before = person.held;
    const gateway = this.#any();
    person.held = gateway;
    person.polls = false;
    await this.#mark(person, gateway, 'hold');
    if (before !== undefined && before !== gateway && this.#gateways.includes(before))
      await this.#mark(person, before, 'grace');
  }

  async loseSocket(): Promise<void> {
    const person = pick(
      this.#random,
      [...this.people.values()].filter(({ held }) => held !== undefined),
    );
    const gateway = person?.held;
    if (person === undefined || gateway === undefined) return;
    person.held = undefined;
    if (person.state === 'waiting') await this.#mark(person, gateway, 'grace');
  }

  async poll(): Promise<void> {
    for (const person of this.people.values()) {
      const isHere = person.state === 'waiting' || person.state === 'away';
      if (isHere && person.polls && this.#random() < 0.2) await this.#mark(person, this.#any(), 'lease');
    }
  }

  async changeRules(): Promise<void> {
    const random = this.#random;
    Object.assign(
      this.#rules,
      pick(random, [
        { ratePerMinute: pick(random, [0, 120, 600, 3_000, 12_000]) },
        { ratePerMinute: pick(random, [600, 3_000]) },
        { capacity: pick(random, [0, 5, 40, 200]) },
        { burst: pick(random, [0, 5, 25]) },
        { paused: !this.#rules.paused },
        { paused: false, drained: !this.#rules.drained },
      ]),
    );
    await this.#change();
  }

  /** A gateway is killed: nobody tells Redis anything; a new one starts. */
  async kill(): Promise<void> {
    const victim = Math.floor(this.#random() * this.#gateways.length);
    for (const person of this.people.values()) {
      if (person.held === this.#gateways[victim]) person.held = undefined;
    }
    this.#gateways.splice(victim, 1, await this.#open());
  }

  async #change(): Promise<void> {
    const { engine, cursor } = this.#any();
    const { ratePerMinute, burst, capacity, paused, drained } = this.#rules;
    const fields = [
      ['admission.ratePerMinute', String(ratePerMinute)],
      ['admission.burst', String(burst)],
      ['admission.capacity', String(capacity)],
      ['flag.paused', paused ? '1' : '0'],
      ['flag.drained', drained ? '1' : '0'],
    ] as const;
    const change = { author: 'test', action: 'patch', reason: '', expectedVersion: 0, fields };
    await engine.change(cursor, change);
    // A drained room serves, and drained comes before paused.
    this.history.rules(cursor.sequence, this.now, {
      ratePerMinute,
      burst,
      capacity,
      serves: drained || !paused,
    });
  }

  async #react(event: RoomEvent): Promise<void> {
    if (event.type === 'roll-call') {
      for (const person of this.people.values()) {
        if (person.held !== undefined && person.state === 'waiting')
          await this.#mark(person, person.held, 'hold');
      }
    }
    if (!('visitor' in event)) return;
    const person = this.people.get(event.visitor);
    if (person === undefined) return;
    switch (event.type) {
      case 'admitted':
        Object.assign(person, { state: 'admitted', turn: event.turn });
        return;
      case 'active':
        Object.assign(person, { state: 'active', deadline: event.deadline });
        return;
      case 'waits-again':
        person.state = 'waiting';
        return;
      case 'lapsed':
      case 'ended':
      case 'out':
        person.state = 'over';
        return;
      case 'called':
        if (person.held !== undefined) await this.#mark(person, person.held, 'hold');
        return;
      case 'abandoned':
        person.state = 'away';
        if (person.held !== undefined) this.wrongs.push(`${person.visitor} was struck with a socket open`);
        return;
      default:
        event satisfies never;
    }
  }

  async #mark(person: Person, { engine, cursor }: Gateway, mark: 'hold' | 'grace' | 'lease'): Promise<void> {
    const { waiting, sequence } = await engine.mark(cursor, person, mark);
    if (waiting) this.#back(person, sequence);
  }

  #back(person: Person, sequence: number): void {
    if (person.state !== 'away') return;
    person.state = 'waiting';
    this.history.waits(sequence, this.now, person.visitor, lanes[person.lane] as string, person.score);
  }

  #seat(
    visitor: string,
    joined: { readonly lane: number; readonly score: number; readonly sequence: number },
  ): void {
    const { lane, score, sequence } = joined;
    const polls = this.#random() < 0.4;
    this.people.set(visitor, {
      ...{ visitor, lane, score, polls },
      ...{ state: 'waiting', turn: 0, deadline: 0, held: undefined },
    });
    this.history.waits(sequence, this.now, visitor, lanes[lane] as string, score);
  }

  #any(): Gateway {
    return pick(this.#random, this.#gateways);
  }

  #someone(state?: Person['state']): Person | undefined {
    const some = [...this.people.values()].filter((one) => state === undefined || one.state === state);
    return pick(this.#random, some);
  }

  async #withAny(call: (gateway: Gateway) => Promise<unknown>): Promise<void> {
    await call(this.#any());
  }

  async #pass(ms: number): Promise<void> {
    this.now += Math.floor(ms);
    await this.#clock.set(this.now);
  }
}

/** How often each is done is how often it stands here. */
const operations = (
  [
    ['tick', 40],
    ['join', 9],
    ['joinAgain', 3],
    ['claim', 5],
    ['renew', 2],
    ['leave', 5],
    ['openSocket', 8],
    ['loseSocket', 2],
    ['poll', 1],
    ['changeRules', 1],
  ] as const
).flatMap(([name, times]) => Array.from({ length: times }, () => name));
