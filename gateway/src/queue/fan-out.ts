import type { Visitor, Watcher } from './roster.ts';

const slices = 20;
const sliceMs = 50;

/** Up to this rank numbers come every second, and polls every two. */
export const nearRanks = 200;

/** How often a visitor of this rank gets new numbers: every second near the front, every ten from rank 2,000 on. */
export function updateIntervalMs(rank: number): number {
  return Math.min(10_000, 1_000 * Math.max(1, Math.ceil(rank / nearRanks)));
}

type Entry = { readonly watcher: Watcher; readonly visitor: Visitor; dueAt: number };

/**
 * Sends each waiting socket its own numbers. Sockets are dealt over 20 slices of 50 ms, so the work of a second is
 * even and no turn of the event loop is long: a send costs some 8 us, nearly all of it the kernel's.
 */
export class FanOut {
  readonly #slices: readonly Set<Entry>[] = Array.from({ length: slices }, () => new Set<Entry>());
  readonly #rankOf: (visitor: Visitor) => number | undefined;
  readonly #entries = new Map<Watcher, { readonly entry: Entry; readonly slice: Set<Entry> }>();
  #next = 0;
  #dealt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(rankOf: (visitor: Visitor) => number | undefined) {
    this.#rankOf = rankOf;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(watcher: Watcher, visitor: Visitor): void {
    const slice = this.#slices[this.#dealt++ % slices] as Set<Entry>;
    const entry = { watcher, visitor, dueAt: Date.now() + 1_000 };
    slice.add(entry);
    this.#entries.set(watcher, { entry, slice });
    this.#timer ??= setInterval(() => this.#turn(), sliceMs);
  }

  remove(watcher: Watcher): void {
    const held = this.#entries.get(watcher);
    if (held === undefined) return;
    held.slice.delete(held.entry);
    this.#entries.delete(watcher);
    if (this.#entries.size === 0) this.stop();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #turn(): void {
    const slice = this.#slices[this.#next++ % slices] as Set<Entry>;
    const now = Date.now();
    for (const entry of slice) {
      if (entry.dueAt > now || entry.visitor.state !== 'waiting') continue;
      const rank = this.#rankOf(entry.visitor) ?? 1;
      // Slices come round every second: half of one is kept back so that a late timer skips no round.
      entry.dueAt = now + updateIntervalMs(rank) - sliceMs * (slices / 2);
      entry.watcher.tick(entry.visitor);
    }
  }
}
