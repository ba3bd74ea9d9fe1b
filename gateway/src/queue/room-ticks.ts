import { isOutage } from '@ropeline/core/redis/fail-fast.ts';
import { CursorStale, EpochLost, type Tick } from './engine.ts';
import type { LiveRoom } from './live-room.ts';

const renewHolderMs = 2_000;

type Options = {
  readonly room: LiveRoom;
  readonly gatewayId: string;
  /** Redis has answered: by the clock alone the room may be in another state. */
  readonly onTick: () => void;
  /** The room must be read again; a failure is theirs. */
  readonly refresh: () => void;
};

/** One call of a room's tick, and what follows from its answer or its failure. */
export class RoomTicks {
  readonly #options: Options;
  #holderRenewedAt = 0;
  /** By the clock of Redis, Unix ms. */
  #tickedAt = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  async tick(): Promise<Tick> {
    const { room } = this.#options;
    try {
      await room.outage.settle();
      return await room.engine.tick(room.cursor, this.#holderToRenew());
    } catch (error) {
      if (error instanceof EpochLost) await room.recover(error.epochId);
      else if (error instanceof CursorStale || !isOutage(error)) await room.refresh();
      // Of a cluster one node can be away, and a connection that stands can lead to a Redis that hangs.
      else room.setRedisAway(true);
      throw error;
    }
  }

  ticked(tick: Tick, seconds: number): void {
    const { room, onTick, refresh } = this.#options;
    const { metrics } = room;
    room.setRedisAway(false);
    metrics.tick(seconds);
    onTick();
    // The clock was set back, and with it what the room waits for.
    if (tick.now < this.#tickedAt - 1_000) refresh();
    this.#tickedAt = tick.now;
    if (!tick.worked) return;
    metrics.admitted(tick.admitted);
    metrics.lapsed(tick.lapsed);
    metrics.pace(tick, room.rules.admission, isServing(room));
    room.visitors.releaseAgain();
    room.recovery.payDebt();
  }

  /** This gateway's id once every two seconds while it holds sockets: without it a roll call would be opened. */
  #holderToRenew(): string {
    const { room, gatewayId } = this.#options;
    const now = Date.now();
    // Either way: our clock may be set back.
    if (room.fanOut.size === 0 || Math.abs(now - this.#holderRenewedAt) < renewHolderMs) return '';
    this.#holderRenewedAt = now;
    return gatewayId;
  }
}

function isServing({ state }: LiveRoom): boolean {
  return state === 'open' || state === 'drained';
}
