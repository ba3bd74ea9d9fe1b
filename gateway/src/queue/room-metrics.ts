import type { Tick } from './engine.ts';
import type { Outcome, Promised } from './promise.ts';
import type { RankSketch } from './sketch.ts';

/** What a room tells the process's metrics. */
export type RoomMetrics = {
  tick(seconds: number): void;
  /** Admissions that this gateway's calls made. */
  admitted(count: number): void;
  lapsed(count: number): void;
  joined(outcome: string): void;
  claimed(): void;
  left(): void;
  lost(): void;
  counts(lanes: readonly string[], sketches: readonly RankSketch[], active: number): void;
  /** Told of every tick that worked, to compare what was admitted with what the rate allows. */
  pace(
    tick: Tick,
    admission: { readonly ratePerMinute: number; readonly capacity: number },
    serving: boolean,
  ): void;
  /** How an estimate that this gateway told came out; `ratio` = the wait as a multiple of the median told. */
  promise(which: keyof Promised, verdict: { readonly outcome: Outcome; readonly ratio: number }): void;
  /** The room was deleted: its numbers go. */
  forget(): void;
  /** An event of the room's broadcast, whichever gateway made it; `now` is Redis time, Unix ms. */
  heard(event: 'admitted' | 'lapsed', now: number): void;
};
