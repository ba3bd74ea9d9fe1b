import type { Logger } from '@ropeline/core/log.ts';
import type { Redis, RedisClient } from '@ropeline/core/redis/connect.ts';
import { gatewaysChannel } from '@ropeline/core/redis/room-keys.ts';

const beatMs = 500;
/** Beats in a row without an answer, or of which only the subscription heard nothing, before that means something. */
const mostUnanswered = 4;
const mostUnheard = 4;
/** Beats after which a connection that gives no answer is made anew: it may be half open. */
const reconnectAfter = 6;
/** A gateway that was silent for so many of our beats is not counted any more. */
const mostSilent = 6;

type Options = {
  readonly redis: RedisClient;
  readonly subscriber: Redis;
  /** Of this process, unlike any other's. */
  readonly gatewayId: string;
  readonly log: Logger;
  readonly onChange: (away: boolean) => void;
};

/**
 * How this gateway stands to its Redis. States:
 * - `up`: Redis answers. Left when the connection is lost, or when no answer has come for four beats (2 s): a Redis
 *   that hangs and a line that swallows everything close no connection.
 * - `away`: left by the first answer. A connection that stays silent is made anew every three seconds.
 *
 * Every half second each gateway publishes a *beat*: its reply proves the connection of commands, hearing it on the
 * subscription proves that one, and hearing the others' tells how many gateways there are. All of it is counted in
 * beats, not measured by the clock: a process that was stopped for a while has only itself to blame.
 */
export class RedisLink {
  readonly #options: Options;
  readonly #silent = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #away = false;
  #answeredAt = Date.now();
  #answered = true;
  #unanswered = 0;
  #heard = true;
  #unheard = 0;
  #receivers = 1;

  constructor(options: Options) {
    this.#options = options;
  }

  get isAway(): boolean {
    return this.#away;
  }

  /** Local ms: when Redis last gave an answer. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** How many gateways there are, this one included; while Redis is away, how many there were. */
  get gateways(): number {
    return Math.max(1, this.#silent.size, this.#receivers);
  }

  /** Both connections must be ready. */
  async start(): Promise<void> {
    const { redis, subscriber } = this.#options;
    subscriber.on('message', (channel: string, text: string) => {
      if (channel === gatewaysChannel) this.#hear(text);
    });
    redis.on('close', () => this.#setAway(true));
    redis.on('ready', () => this.#beat());
    await subscriber.subscribe(gatewaysChannel);
    this.#timer = setInterval(() => this.#look(), beatMs);
    this.#beat();
  }

  /** The others need not wait until this gateway's silence is noticed. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    const { redis, gatewayId } = this.#options;
    redis.publish(gatewaysChannel, `${gatewayId} bye`).catch(() => undefined);
  }

  #look(): void {
    const { redis, subscriber, log } = this.#options;
    this.#unanswered = this.#answered ? 0 : this.#unanswered + 1;
    if (this.#unanswered >= mostUnanswered) this.#setAway(true);
    if (this.#unanswered > 0 && this.#unanswered % reconnectAfter === 0 && isConnected(redis)) {
      log.warn('redis gives no answer, connecting anew');
      redis.disconnect(true);
    }
    if (this.#heard || !isConnected(subscriber)) this.#unheard = 0;
    else if (this.#answered) this.#unheard += 1;
    if (this.#unheard >= mostUnheard) {
      log.warn('the subscription hears nothing, connecting anew');
      this.#unheard = 0;
      subscriber.disconnect(true);
    }
    this.#answered = false;
    this.#heard = false;
    this.#beat();
  }

  #beat(): void {
    if (this.#timer === undefined) return;
    const { redis, gatewayId } = this.#options;
    redis.publish(gatewaysChannel, gatewayId).then(
      (receivers) => {
        this.#receivers = receivers;
        this.#answered = true;
        this.#answeredAt = Date.now();
        this.#setAway(false);
      },
      // No answer is what a beat is there to find out.
      () => undefined,
    );
  }

  #hear(text: string): void {
    const { gatewayId } = this.#options;
    const [id = '', word] = text.split(' ');
    if (word === 'bye') {
      this.#silent.delete(id);
      return;
    }
    if (id === gatewayId) {
      this.#heard = true;
      for (const [other, beats] of this.#silent) {
        if (beats >= mostSilent) this.#silent.delete(other);
        else this.#silent.set(other, beats + 1);
      }
    }
    this.#silent.set(id, 0);
  }

  #setAway(away: boolean): void {
    if (this.#away === away || this.#timer === undefined) return;
    this.#away = away;
    this.#options.onChange(away);
  }
}

/** Not while an attempt is under way or due, which has a deadline of its own. */
function isConnected({ status }: { readonly status: string }): boolean {
  return status === 'ready' || status === 'connect';
}
