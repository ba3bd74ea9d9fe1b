import { randomBytes } from 'node:crypto';
import type { RedisClient } from '@ropeline/core/redis/connect.ts';
import { dataSetKey, roomsKey } from '@ropeline/core/redis/room-keys.ts';

const lookMs = 2_000;

type Options = {
  readonly redis: RedisClient;
  /** Names of the rooms that this gateway serves. */
  readonly rooms: () => readonly string[];
  /** The data set is another than before: every room must be looked at, those that sleep too. */
  readonly onOther: () => void;
};

/**
 * Notices that Redis was emptied or replaced under an open connection, for thousands of rooms that sleep and ask for
 * nothing: one key with a random value that goes with the data. Also puts the set of all rooms back when rooms are
 * missing in it. Two commands every two seconds, however many rooms there are.
 */
export class DataSetWatch {
  readonly #options: Options;
  #known = '';
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(options: Options) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => {
      if (this.#looking) return;
      // Redis being away is noticed elsewhere; what it lost is found by the first look that gets an answer.
      this.#look().catch(() => undefined);
    }, lookMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    this.#looking = true;
    try {
      const { redis, rooms, onOther } = this.#options;
      const fresh = randomBytes(8).toString('hex');
      const value = (await redis.set(dataSetKey, fresh, 'NX', 'GET')) ?? fresh;
      const [before, names] = [this.#known, rooms()];
      this.#known = value;
      if (names.length > 0 && (await redis.scard(roomsKey)) < names.length)
        await redis.sadd(roomsKey, ...names);
      if (before !== '' && before !== value) onOther();
    } finally {
      this.#looking = false;
    }
  }
}
