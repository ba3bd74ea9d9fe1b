import type { PacedWork, Piece, Urgency } from './paced-work.ts';
import { isOver, unwatch, type Visitor, type Watcher, watch } from './roster.ts';

/** Up to this rank numbers come every second. */
export const nearRanks = 200;

/** How often a visitor of this rank gets new numbers: every second near the front, every ten from rank 2,000 on. */
export function updateIntervalMs(rank: number): number {
  return Math.min(10_000, 1_000 * Math.max(1, Math.ceil(rank / nearRanks)));
}

/** By up to a fifth sooner, so that who came together does not ask or get told together for ever. */
export function jittered(intervalMs: number): number {
  return intervalMs * (0.8 + 0.2 * Math.random());
}

/** A socket, as the queue sees it. Each of these sends, says what is true now, and is called when its time has come. */
export type Sender = {
  /** The visitor's state changed. `given`: a turn that was given since the last call, even if it is used already. */
  sendChange(given: GivenTurn | undefined, over: boolean): void;
  sendNumbers(): void;
  /** The room's own state changed. */
  sendRoom(): void;
  /** The operator says something else than before, or nothing more. */
  sendMessage(): void;
  /** The place is one of a new epoch: here is its ticket. */
  sendPlace(): void;
  /** Come back later (a new run, a stopping gateway). */
  sendAway(): void;
  /** The room is no more. */
  sendDeleted(): void;
};

export type GivenTurn = { readonly turn: number; readonly claimBy: number };

const due = { change: 1, room: 2, numbers: 4, away: 8, deleted: 16, message: 32, place: 64 } as const;
const bitOf = { turns: 1, state: 2, numbers: 4 } as const satisfies Record<Urgency, number>;
const slotMs = 50;
/** Slots of the wheel: more than the longest interval. */
const slots = 256;

/**
 * Tells each socket of a room what concerns it, a few milliseconds of the event loop at a time (see {@link PacedWork}).
 * What is due is only marked; what is sent is what is true when the socket's time comes. So a later state is never
 * overtaken by an earlier one, and what changes twice meanwhile is told once.
 */
export class FanOut {
  readonly #work: PacedWork;
  readonly #rankOf: (visitor: Visitor) => number | undefined;
  readonly #outlets = new Set<Outlet>();
  /** Who gets new numbers in which slot of 50 ms, modulo 256: every outlet is in one of them. */
  #wheel: readonly Set<Outlet>[] = [];
  #slot = slotAt(Date.now());
  #timer: NodeJS.Timeout | undefined;

  constructor(work: PacedWork, rankOf: (visitor: Visitor) => number | undefined) {
    this.#work = work;
    this.#rankOf = rankOf;
  }

  get size(): number {
    return this.#outlets.size;
  }

  /** From now on the visitor's changes and numbers go to this socket. */
  add(sender: Sender, visitor: Visitor): Outlet {
    const outlet = new Outlet(sender, visitor, this.#work);
    this.#outlets.add(outlet);
    watch(visitor, outlet);
    // Made with the first socket: of thousands of rooms most have none.
    if (this.#wheel.length === 0) this.#wheel = Array.from({ length: slots }, () => new Set<Outlet>());
    if (this.#timer === undefined) {
      this.#slot = slotAt(Date.now());
      this.#timer = setInterval(() => this.#turnWheel(), slotMs);
    }
    this.#plan(outlet, 1_000);
    return outlet;
  }

  remove(outlet: Outlet): void {
    if (!this.#outlets.delete(outlet)) return;
    outlet.end();
    unwatch(outlet.visitor, outlet);
    this.#wheel[outlet.slot]?.delete(outlet);
    if (this.#outlets.size === 0) this.stop();
  }

  /** The room's state changed: everybody is told. */
  tellRoom(): void {
    for (const outlet of this.#outlets) outlet.roomChanged();
  }

  /** The operator's message changed: everybody is told. */
  tellMessage(): void {
    for (const outlet of this.#outlets) outlet.messageChanged();
  }

  /** Somebody deleted the room: everybody is told, and the sockets end. */
  tellDeleted(): void {
    for (const outlet of this.#outlets) outlet.roomDeleted();
  }

  sendEverybodyAway(): void {
    for (const outlet of this.#outlets) outlet.sendAway();
  }

  /** No more numbers; what is due is still told. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** A late timer makes up for the slots that it missed. */
  #turnWheel(): void {
    const now = slotAt(Date.now());
    if (now - this.#slot > slots || now < this.#slot) this.#slot = now - slots;
    while (this.#slot < now) {
      this.#slot += 1;
      const come = this.#wheel[this.#slot % slots] as Set<Outlet>;
      for (const outlet of come) {
        come.delete(outlet);
        outlet.tick(outlet.visitor);
        this.#plan(outlet, updateIntervalMs(this.#rankOf(outlet.visitor) ?? nearRanks));
      }
    }
  }

  #plan(outlet: Outlet, intervalMs: number): void {
    outlet.slot = (this.#slot + Math.max(1, Math.round(jittered(intervalMs) / slotMs))) % slots;
    this.#wheel[outlet.slot]?.add(outlet);
  }
}

function slotAt(ms: number): number {
  return Math.floor(ms / slotMs);
}

/** What a socket is to be told, until it has been told. */
export class Outlet implements Watcher, Piece {
  readonly visitor: Visitor;
  /** Of the wheel. */
  slot = 0;
  readonly #sender: Sender;
  readonly #work: PacedWork;
  /** Sets of bits: what is due, and which urgencies it waits under. */
  #due = 0;
  #queued = 0;
  #given: GivenTurn | undefined;

  constructor(sender: Sender, visitor: Visitor, work: PacedWork) {
    this.#sender = sender;
    this.visitor = visitor;
    this.#work = work;
  }

  changed(visitor: Visitor): void {
    if (visitor.state === 'admitted') this.#given = { turn: visitor.turn, claimBy: visitor.deadline };
    this.#mark(due.change, 'turns');
  }

  tick(visitor: Visitor): void {
    if (visitor.state === 'waiting') this.#mark(due.numbers, 'numbers');
  }

  roomChanged(): void {
    this.#mark(due.room, 'state');
  }

  sendAway(): void {
    this.#mark(due.away, 'state');
  }

  seatedAgain(): void {
    this.#mark(due.place, 'state');
  }

  messageChanged(): void {
    this.#mark(due.message, 'state');
  }

  roomDeleted(): void {
    this.#mark(due.deleted, 'state');
  }

  /** The socket is gone: there is nobody to tell. */
  end(): void {
    this.#due = 0;
  }

  /** Everything that is due, whichever of it made the time come. */
  run(urgency: Urgency): void {
    this.#queued &= ~bitOf[urgency];
    const now = this.#due;
    const given = this.#given;
    this.#due = 0;
    this.#given = undefined;
    const { visitor } = this;
    if (now & due.deleted) {
      this.#sender.sendDeleted();
      return;
    }
    if (now & due.away) {
      this.#sender.sendAway();
      return;
    }
    if (now & due.message) this.#sender.sendMessage();
    if (now & due.room) this.#sender.sendRoom();
    if (now & due.place) this.#sender.sendPlace();
    if (now & due.change) this.#sender.sendChange(given, isOver(visitor.state));
    else if (now & due.numbers && visitor.state === 'waiting') this.#sender.sendNumbers();
  }

  #mark(what: number, urgency: Urgency): void {
    this.#due |= what;
    if (this.#queued & bitOf[urgency]) return;
    this.#queued |= bitOf[urgency];
    this.#work.add(this, urgency);
  }
}
