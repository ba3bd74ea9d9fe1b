import type { Visitor } from './roster.ts';
import type { Facts } from './visitor-events.ts';

export type Known = Facts & Pick<Visitor, 'state' | 'sequence'>;

/** No reply comes later than this after the event that outran it: calls of Redis have a deadline of two seconds. */
const keptMs = 4_000;

/**
 * What the broadcast told last of every visitor, also of those this gateway did not serve at that moment: the reply
 * to a join or look-up comes over another connection and may be heard after what happened later. Kept for four to
 * eight seconds, so memory grows with the room's rate and not with its queue.
 */
export class RecentEvents {
  #young = new Map<string, Known>();
  #old = new Map<string, Known>();
  #turnedAt = 0;

  add(visitor: string, known: Known): void {
    const now = Date.now();
    // Either way: a clock that was set back must not keep them all.
    if (Math.abs(now - this.#turnedAt) > keptMs) {
      this.#turnedAt = now;
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(visitor, known);
  }

  get(visitor: string): Known | undefined {
    return this.#young.get(visitor) ?? this.#old.get(visitor);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
