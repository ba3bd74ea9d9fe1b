import type { Entered } from './engine.ts';
import type { Visitor } from './roster.ts';

/** A turn or session that Redis does not know of yet. */
export type Given = {
  readonly visitor: string;
  /** Its name: indexes may change before Redis is told. */
  readonly lane: string;
  readonly score: number;
  readonly turn: number;
  /** Given here, not by Redis before. */
  readonly own: boolean;
  /** Lapses of turns that were given here. */
  lapses: number;
  claimed: boolean;
  /** Of the claim, or of the session when claimed; Unix ms of Redis. */
  deadline: number;
  /** Lapsed or ended. Redis is told nevertheless: its next tick does the same. */
  over: boolean;
};

/** What Redis is told of one visitor; `lane` is its name. */
export type ToTell = Omit<Entered, 'lane'> & { readonly lane: string };

type NewPlace = { readonly visitor: string; readonly lane: string; readonly score: number };

/** What Redis has still to be told of an outage: who was let in, whose session was opened, who has come. */
export class OutageLedger {
  readonly #given = new Map<string, Given>();
  readonly #places = new Map<string, NewPlace>();

  get isEmpty(): boolean {
    return this.#given.size === 0 && this.#places.size === 0;
  }

  get newPlaces(): number {
    return this.#places.size;
  }

  hasGiven(visitor: string): boolean {
    return this.#given.has(visitor);
  }

  addPlace(visitor: string, lane: string, score: number): void {
    this.#places.set(visitor, { visitor, lane, score });
  }

  addTurn({ id, score }: Visitor, lane: string, turn: number, claimBy: number): void {
    const lapses = this.#given.get(id)?.lapses ?? 0;
    const state = { claimed: false, deadline: claimBy, over: false };
    this.#given.set(id, { visitor: id, lane, score, turn, own: true, lapses, ...state });
  }

  /** The session of a turn that was given here or by Redis before. */
  addSession({ id, score, turn }: Visitor, lane: string, until: number): void {
    const { own, lapses } = this.#given.get(id) ?? { own: false, lapses: 0 };
    const state = { claimed: true, deadline: until, over: false };
    this.#given.set(id, { visitor: id, lane, score, turn, own, lapses, ...state });
  }

  /** What has passed its deadline since the last call. */
  takeDue(now: number): readonly Given[] {
    const due = [...this.#given.values()].filter(({ over, deadline }) => !over && deadline <= now);
    for (const given of due) {
      given.over = true;
      if (!given.claimed) given.lapses += 1;
    }
    return due;
  }

  /** Everything, each visitor once: whoever has come and was let in does not wait. */
  all(): readonly ToTell[] {
    const given = [...this.#given.values()].map(
      ({ visitor, lane, score, turn, deadline, claimed }): ToTell => ({
        ...{ visitor, lane, score, turn, deadline },
        stage: claimed ? 'session' : 'turn',
      }),
    );
    const waiting = [...this.#places.values()].filter(({ visitor }) => !this.#given.has(visitor));
    return [
      ...given,
      ...waiting.map((place): ToTell => ({ ...place, turn: 0, deadline: 0, stage: 'place' })),
    ];
  }

  clear(): void {
    this.#given.clear();
    this.#places.clear();
  }
}
