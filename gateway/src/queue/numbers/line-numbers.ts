import type { RoomEvent } from '../broadcast.ts';
import { unscored } from '../draw/draw-score.ts';
import { nobodyAdmitted } from '../recovery/up-to.ts';
import type { RoomMetrics } from '../room-metrics.ts';
import type { RoomRules } from '../rules.ts';
import type { RoomReading } from '../scripts.ts';
import type { Visitor } from '../visitors/roster.ts';
import { type Pace, paceOf } from './estimate.ts';
import { Outflow } from './outflow.ts';
import { judge, promises } from './promise.ts';
import { RankSketch } from './sketch.ts';
import { SketchDraft } from './sketch-draft.ts';

/** How many wait and are inside, who stands where, and how fast the line moves, as the broadcast tells it. */
export class LineNumbers {
  readonly outflow = new Outflow();
  readonly #metrics: RoomMetrics;
  #sketches: RankSketch[] = [];
  readonly #drafts: SketchDraft[] = [];
  /** The write of the room from which each lane's sketch is, or is coming. */
  #drawnAt: number[] = [];
  #admitted = 0;
  #active = 0;
  #pace: Pace | undefined;
  #pacedAt = 0;

  constructor(metrics: RoomMetrics) {
    this.#metrics = metrics;
  }

  /** Per lane. */
  get sketches(): readonly RankSketch[] {
    return this.#sketches;
  }

  get waiting(): number {
    return this.#sketches.reduce((sum, sketch) => sum + sketch.waiting, 0);
  }

  get admitted(): number {
    return this.#admitted;
  }

  get active(): number {
    return this.#active;
  }

  /** By the last sketch, or as Redis has answered since: who was away meanwhile stands elsewhere in that sketch. */
  rankOf(visitor: Visitor, score: number): number | undefined {
    const sketch = this.#sketches[visitor.lane];
    if (visitor.state !== 'waiting' || sketch === undefined || score === unscored) return undefined;
    if (visitor.rankKnown > 0 && visitor.sequence > (this.#drawnAt[visitor.lane] ?? 0))
      return visitor.rankKnown;
    visitor.rankKnown = sketch.rankOf(score, visitor.id, visitor.rankKnown);
    return visitor.rankKnown;
  }

  /** How fast the line moves, reckoned anew every second. */
  paceAt(now: number, rules: RoomRules): Pace {
    if (this.#pace === undefined || now - this.#pacedAt >= 1_000 || now < this.#pacedAt) {
      this.#pace = paceOf(this.outflow, rules, this.#admitted + this.#active, now);
      this.#pacedAt = now;
    }
    return this.#pace;
  }

  /** `isOther`: rate or state have changed, so what was measured says nothing any more. */
  adopt(
    { admitted, active, lanes, pacer }: RoomReading,
    names: readonly string[],
    isOther: boolean,
    now: number,
  ): void {
    this.#admitted = admitted;
    this.#active = active;
    this.#sketches = lanes.map((lane, i) => {
      const old = this.#sketches[i];
      return old !== undefined && old.waiting > 0 && lane.waiting > 0
        ? old
        : new RankSketch(lane.waiting, nobodyAdmitted, 0);
    });
    // A sketch of a write that this epoch has not seen is of the one before.
    const sequence = Number(pacer.get('seq'));
    this.#drawnAt = this.#drawnAt.map((drawnAt) => Math.min(drawnAt, sequence));
    if (isOther) this.outflow.restart(now);
    this.#pace = undefined;
    this.#metrics.counts(names, this.#sketches, this.#active);
  }

  heardSketch(
    { lane, sketch, pieces }: Extract<RoomEvent, { readonly type: 'sketch' }>,
    names: readonly string[],
    { now, sequence }: { readonly now: number; readonly sequence: number },
  ): void {
    this.#drawnAt[lane] = sequence;
    // Seconds in which nobody was in line say nothing of how fast the line moves.
    if (this.waiting === 0 && sketch.waiting > 0) this.outflow.restart(now);
    this.#drafts[lane] = new SketchDraft(sketch, pieces);
    this.#sketches[lane] = pieces === 0 ? sketch : sketch.withRanksOf(this.#sketches[lane]);
    this.#metrics.counts(names, this.#sketches, this.#active);
  }

  heardPiece({ lane, piece }: Extract<RoomEvent, { readonly type: 'piece' }>): void {
    const sketch = this.#drafts[lane]?.add(piece);
    if (sketch !== undefined) this.#sketches[lane] = sketch;
  }

  heardCounts(
    { admitted, active }: Extract<RoomEvent, { readonly type: 'counts' }>,
    names: readonly string[],
    capacity: number,
    now: number,
  ): void {
    this.#admitted = admitted;
    this.#active = active;
    this.outflow.sampled({ waiting: this.waiting, inside: admitted + active, capacity }, now);
    this.#pace = undefined;
    this.#metrics.counts(names, this.#sketches, active);
  }

  /** The turn has come: what this gateway promised the visitor is compared with it. */
  judgePromises(visitor: Visitor | undefined, now: number): void {
    const promised = visitor?.promised;
    if (visitor === undefined || promised === undefined) return;
    visitor.promised = undefined;
    for (const which of promises) {
      const told = promised[which];
      if (told !== undefined) this.#metrics.promise(which, judge(told, now));
    }
  }
}
