import type { ServerResponse } from 'node:http';
import { AppError } from '@ropeline/core/errors.ts';
import type { LiveRoom } from '../queue/live-room.ts';
import { readStats } from './room-numbers.ts';

const intervalMs = 1_000;
const mostStreams = 200;

/**
 * Server-sent events of rooms' numbers: one reading a second per room that is watched, however many watch. While
 * Redis is away `state` says so once a second. A reader who does not read misses events, never makes us hold them.
 */
export class StatsStreams {
  readonly #watchers = new Map<LiveRoom, Set<ServerResponse>>();
  #timer: NodeJS.Timeout | undefined;
  #count = 0;
  #closed = false;

  get open(): number {
    return this.#count;
  }

  /** Takes over a response: writes the numbers now and every second. Throws `unavailable`, also when too many watch. */
  async add(room: LiveRoom, response: ServerResponse): Promise<void> {
    this.#refuseAtBound();
    const first = await eventOf(room, true);
    this.#refuseAtBound();
    if (response.destroyed) return;
    const watchers = this.#watchers.get(room) ?? new Set();
    this.#watchers.set(room, watchers.add(response));
    this.#count += 1;
    response.once('close', () => this.#remove(room, response));
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(first);
    this.#timer ??= setInterval(() => void this.#turn(), intervalMs).unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const watchers of this.#watchers.values()) for (const response of watchers) response.end();
  }

  #refuseAtBound(): void {
    if (this.#closed || this.#count >= mostStreams) {
      throw new AppError('unavailable', { detail: 'Too many streams are open', retryAfterSeconds: 5 });
    }
  }

  #remove(room: LiveRoom, response: ServerResponse): void {
    const watchers = this.#watchers.get(room);
    if (!watchers?.delete(response)) return;
    this.#count -= 1;
    if (watchers.size === 0) this.#watchers.delete(room);
    if (this.#count === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  async #turn(): Promise<void> {
    await Promise.all(
      [...this.#watchers].map(async ([room, watchers]) => {
        if (room.isDeleted) {
          for (const response of watchers) response.end();
          return;
        }
        const text = await eventOf(room, false);
        for (const response of watchers) if (!response.writableNeedDrain) response.write(text);
      }),
    );
  }
}

async function eventOf(room: LiveRoom, mustAnswer: boolean): Promise<string> {
  try {
    return `event: stats\ndata: ${JSON.stringify(await readStats(room))}\n\n`;
  } catch (error) {
    if (mustAnswer) throw error;
    return `event: state\ndata: ${JSON.stringify({ room: room.name, state: room.state })}\n\n`;
  }
}
