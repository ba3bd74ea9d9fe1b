import type { Tick } from './engine.ts';

const slotMs = 50;
/** With somebody inside: another gateway's admission may have been missed. */
const longestSleepMs = 60_000;
/** With nobody there, until a scheduled change: clocks drift. */
const longestIdleSleepMs = 3_600_000;

type Options = {
  readonly tick: () => Promise<Tick>;
  /** Redis time as this gateway reckons it, Unix ms. */
  readonly now: () => number;
  /** Local reasons to stay awake, such as waiting sockets. */
  readonly isAwake: () => boolean;
  /** Next scheduled change of the room, Unix ms, or undefined. */
  readonly nextChange: () => number | undefined;
  readonly onTick: (tick: Tick, seconds: number) => void;
  readonly onError: (error: unknown) => void;
};

/**
 * Calls a room's tick once a slot while the room is awake: somebody waits, or a deadline or scheduled change is near.
 * With somebody inside a sleeping room is called once a minute; with nobody at all, and nothing scheduled, never: it
 * costs not even a timer. `wake` brings it back at once. Never two calls at a time; failures back off to a second.
 */
export class Ticker {
  readonly #options: Options;
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  #again = false;
  /** Asked for during a call: most ms until the next one. */
  #within = Number.POSITIVE_INFINITY;
  #failures = 0;
  /** When the next call comes, ms of the process: our clock may be set meanwhile. */
  #dueAt = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(options: Options) {
    this.#options = options;
  }

  wake(): void {
    if (this.#stopped) return;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    // A call that comes within the slot anyway need not come sooner.
    if (this.#dueAt - performance.now() > slotMs) this.#schedule(0);
  }

  /** Sees to it that a call comes within this time. */
  wakeWithin(ms: number): void {
    if (this.#stopped) return;
    if (this.#busy) this.#within = Math.min(this.#within, ms);
    else if (this.#dueAt - performance.now() > ms) this.#schedule(Math.min(ms, longestIdleSleepMs));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    this.#dueAt = performance.now() + delayMs;
    clearTimeout(this.#timer);
    if (this.#stopped || delayMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => void this.#run(), delayMs);
  }

  async #run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    this.#again = false;
    this.#within = Number.POSITIVE_INFINITY;
    const started = performance.now();
    let delayMs = longestSleepMs;
    try {
      const tick = await this.#options.tick();
      this.#failures = 0;
      this.#options.onTick(tick, (performance.now() - started) / 1_000);
      delayMs = this.#delayAfter(tick);
    } catch (error) {
      this.#failures += 1;
      delayMs = Math.min(1_000, 50 * 2 ** Math.min(this.#failures, 5));
      this.#options.onError(error);
    }
    this.#busy = false;
    this.#schedule(Math.min(delayMs, this.#again ? slotMs : this.#within));
  }

  /** Just after the next slot begins while awake; else shortly after the nearest thing that will happen. */
  #delayAfter(tick: Tick): number {
    const now = this.#options.now();
    const toNextSlot = slotMs - (now % slotMs) + 1;
    // What is ahead is asked before what has come: a change between the two would else be neither.
    const nearest = Math.min(
      tick.nextDeadline || Number.POSITIVE_INFINITY,
      this.#options.nextChange() ?? Number.POSITIVE_INFINITY,
    );
    if (!tick.worked || tick.waiting > 0 || this.#options.isAwake()) return toNextSlot;
    const longest = tick.inside > 0 ? longestSleepMs : longestIdleSleepMs;
    if (tick.inside === 0 && nearest === Number.POSITIVE_INFINITY) return nearest;
    return Math.min(longest, Math.max(toNextSlot, nearest - now + 1));
  }
}
