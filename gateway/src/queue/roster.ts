import type { Reason, VisitorState } from '@ropeline/core/protocol/status.ts';
import type { Promised } from './promise.ts';

/** Somebody on this gateway who wants to hear of a visitor: an open socket. */
export type Watcher = {
  /** The visitor's state changed; `over` = this place will not change again. */
  changed(visitor: Visitor, over: boolean): void;
  /** Time for new numbers. */
  tick(visitor: Visitor): void;
  /** The room's own state changed. */
  roomChanged(): void;
  /** The place is one of a new epoch: it has another ticket. */
  seatedAgain(visitor: Visitor): void;
  /** Come back later (a new epoch, a stopping gateway). */
  sendAway(): void;
};

/** What this gateway knows of a visitor that it serves. Kept true by the room's broadcast. */
export type Visitor = {
  readonly id: string;
  /** Index into the room's lanes as they are now. */
  lane: number;
  score: number;
  state: VisitorState;
  /** 0 before the first turn. */
  turn: number;
  /** Of the claim (admitted) or the session (active), Unix ms of Redis. */
  deadline: number;
  reason: Reason | undefined;
  /** The write of the room that all this comes from. What is told of an earlier one comes late. */
  sequence: number;
  /** Position at the join or the last look-up, until a sketch covers the score; 0 = not known. */
  rankHint: number;
  /** Estimates that this gateway has told, until the turn comes. */
  promised?: Promised | undefined;
  /** Open sockets here; replaced, never changed in place. */
  watchers: readonly Watcher[];
  /** Local ms: last seen by a request or socket, and when its lease was last sent from here (0 = never). */
  seenAt: number;
  leasedAt: number;
};

export type VisitorFacts = Pick<Visitor, 'score' | 'state' | 'turn' | 'deadline' | 'reason' | 'sequence'>;

const forgetAfterMs = 60_000;
const noWatchers: readonly Watcher[] = [];

/** The visitors of a room that this gateway serves: those with a socket here, and who asked within a minute. */
export class Roster {
  readonly #visitors = new Map<string, Visitor>();

  get size(): number {
    return this.#visitors.size;
  }

  get(id: string): Visitor | undefined {
    return this.#visitors.get(id);
  }

  all(): IterableIterator<Visitor> {
    return this.#visitors.values();
  }

  add(id: string, lane: number, facts: VisitorFacts): Visitor {
    const made: Visitor = {
      id,
      lane,
      ...facts,
      rankHint: 0,
      watchers: noWatchers,
      seenAt: Date.now(),
      leasedAt: 0,
    };
    this.#visitors.set(id, made);
    return made;
  }

  delete(id: string): void {
    this.#visitors.delete(id);
  }

  clear(): void {
    this.#visitors.clear();
  }

  /** Forgets who has no socket here and has not asked for a minute. */
  forgetOld(): void {
    const before = Date.now() - forgetAfterMs;
    for (const visitor of this.#visitors.values()) {
      if (visitor.watchers.length === 0 && visitor.seenAt < before) this.#visitors.delete(visitor.id);
    }
  }
}

export function watch(visitor: Visitor, watcher: Watcher): void {
  visitor.watchers = [...visitor.watchers, watcher];
}

export function unwatch(visitor: Visitor, watcher: Watcher): void {
  visitor.watchers = visitor.watchers.filter((other) => other !== watcher);
}

/** Whether a place in this state can change no more. */
export function isOver(state: VisitorState): boolean {
  switch (state) {
    case 'ended':
    case 'lapsed':
    case 'left':
    case 'rejected':
    case 'revoked':
      return true;
    case 'scheduled':
    case 'waiting':
    case 'admitted':
    case 'active':
    case 'abandoned':
      return false;
    default:
      return state satisfies never;
  }
}
