import type { PlaceTicket, PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { ask, away } from '../ask.ts';
import { codeHash } from '../codes/codes.ts';
import { drawnBelow } from '../draw/draw-score.ts';
import type { ClaimOutcome, JoinOutcome, JoinRefusal, Place } from '../engine.ts';
import type { LiveRoom } from '../live-room.ts';
import { isOver, type Visitor } from './roster.ts';
import { foundAs } from './visitor-events.ts';
import { newVisitorId } from './visitor-id.ts';

export type Joined = {
  readonly refused?: undefined;
  readonly isNew: boolean;
  readonly visitor: Visitor;
  readonly ticket: string;
};
export type JoinResult = Joined | { readonly refused: JoinRefusal };

/** A visitor found by its ticket, or why there is none: a forged ticket, or one of an earlier run. */
export type FindResult =
  | { readonly visitor: Visitor; readonly freshTicket: string | undefined }
  | { readonly visitor?: undefined; readonly why: 'bad-ticket' | 'no-place' };

/** A lease is renewed three times while it lasts, at most every ten seconds. */
const leaseShare = 1 / 3;
const longestRenewMs = 10_000;
const rememberedTickets = 50_000;
/** In place of the score, in the ticket of who joined before the opening of a lottery. */
const drawn = 'drawn';

/** What visitors do at a gateway: join, ask, claim, leave. Rooms' state lives in {@link LiveRoom}. */
export class Visits {
  readonly #tickets: PlaceTickets;
  readonly #verified = new Map<string, PlaceTicket>();
  #generation = 0;

  constructor(tickets: PlaceTickets) {
    this.#tickets = tickets;
  }

  /** The ticket's content; undefined when it is forged. Those checked before are remembered. */
  read(text: string): PlaceTicket | undefined {
    if (this.#generation !== this.#tickets.generation) {
      this.#generation = this.#tickets.generation;
      this.#verified.clear();
    }
    const known = this.#verified.get(text);
    if (known !== undefined) return known;
    const ticket = this.#tickets.verify(text);
    if (ticket === undefined) return undefined;
    if (this.#verified.size >= rememberedTickets) this.#verified.clear();
    this.#verified.set(text, ticket);
    return ticket;
  }

  /**
   * Takes a place, or the one that the ticket names; throws `unavailable` while Redis is away, unless the room goes
   * on without it. A ticket that does not verify, or of another room or run, is as none. `code` grants its lane: who
   * stands in another one gets a new place at its end; refused `uninvited` where it grants nothing.
   */
  async join(room: LiveRoom, lane: number, text: string | undefined, code?: string): Promise<JoinResult> {
    if (room.outage.isOn) return this.#joinWithoutRedis(room, lane, text, code);
    if (text !== undefined) await this.#catchUp(room, text);
    const ticket = text === undefined ? undefined : this.#ofThisRun(room, text);
    const fresh = newVisitorId();
    const shown = code === undefined ? {} : { code: codeHash(room.name, code) };
    const attempt = (): Promise<JoinOutcome> =>
      ask(room, () => {
        const place = ticket === undefined ? { visitor: fresh, lane, score: 0 } : placeOf(room, ticket);
        return room.engine.join(room.cursor, { ...place, fresh, ...shown });
      });
    let outcome = await attempt();
    if (outcome.refused === 'unsealed') {
      // Of the draw Redis knows more than this gateway, or nobody has given it a seed yet.
      await ask(room, () => room.refresh());
      outcome = await attempt();
    }
    if (outcome.refused !== undefined) {
      room.metrics.joined(outcome.refused);
      return { refused: outcome.refused };
    }
    room.metrics.joined(outcome.isNew ? outcome.state : 'same');
    if (outcome.isNew && outcome.state === 'admitted') room.metrics.admitted(1);
    // Nobody stands twice: with a code for another lane the place in this one is given up.
    if (code !== undefined && ticket !== undefined && outcome.visitor !== ticket.visitor) {
      await this.leave(room, ticket.visitor).catch(() => undefined);
    }
    const { state, score, turn, deadline, sequence } = outcome;
    const facts = { state, score, turn, deadline, sequence, reason: undefined, rankKnown: outcome.position };
    const visitor = room.visitors.learn(outcome.visitor, outcome.lane, facts);
    visitor.seenAt = visitor.leasedAt = Date.now();
    room.wake();
    return { isNew: outcome.isNew, visitor, ticket: this.ticketOf(room, visitor) };
  }

  /**
   * The visitor of a ticket as this gateway knows it, else by one batched look-up. A ticket of an older epoch is
   * seated again. While Redis is away: what the ticket and memory tell.
   */
  async find(room: LiveRoom, text: string): Promise<FindResult> {
    await this.#catchUp(room, text);
    const recalled = this.recall(room, text);
    if (recalled !== undefined) return recalled;
    const ticket = this.read(text) as PlaceTicket;
    if (room.cursor.runOf(ticket) !== room.cursor.run) return { why: 'no-place' };
    if (room.link === 'away') return { visitor: fromTicket(room, ticket), freshTicket: undefined };
    if (ticket.epochId !== room.cursor.epochId) return this.#seatAgain(room, ticket);
    const found = await ask(room, () => room.engine.lookUp(room.cursor, placeOf(room, ticket)));
    if (found.state === 'unknown') return this.#seatAgain(room, ticket);
    const visitor = room.visitors.learn(ticket.visitor, placeOf(room, ticket).lane, foundAs(found));
    visitor.seenAt = Date.now();
    return { visitor, freshTicket: this.#signedAnew(text, ticket) };
  }

  /** What {@link find} answers without asking Redis; undefined where it must. */
  recall(room: LiveRoom, text: string): FindResult | undefined {
    const ticket = this.read(text);
    if (ticket === undefined || ticket.room !== room.name) return { why: 'bad-ticket' };
    if (showsLoss(room, ticket)) return undefined;
    if (room.cursor.runOf(ticket) < room.cursor.run) return { why: 'no-place' };
    const known = room.roster.get(ticket.visitor);
    if (known === undefined) return undefined;
    if (ticket.epochId !== room.cursor.epochId && room.link !== 'away') return undefined;
    known.seenAt = Date.now();
    return { visitor: known, freshTicket: this.#signedAnew(text, ticket) };
  }

  /** The same ticket by the secret that signs now: after a rotation nobody who is here depends on the old one. */
  #signedAnew(text: string, ticket: PlaceTicket): string | undefined {
    return this.#tickets.isCurrent(text) ? undefined : this.#tickets.sign(ticket);
  }

  /** Renews the lease of a visitor who polls; costs Redis a share of one batched call every ten seconds. */
  poll(room: LiveRoom, visitor: Visitor): void {
    const now = Date.now();
    const renewMs = Math.min(longestRenewMs, room.rules.presence.leaseSeconds * 1_000 * leaseShare);
    // Either way: a clock that was set back must not keep a lease from being renewed.
    if (visitor.watchers.length > 0 || Math.abs(now - visitor.leasedAt) < renewMs) return;
    if (visitor.state !== 'waiting' && visitor.state !== 'abandoned') return;
    visitor.leasedAt = now;
    void room.visitors.lease(visitor).then((told) => {
      if (!told) visitor.leasedAt = 0;
    });
  }

  async claim(room: LiveRoom, visitor: Visitor): Promise<ClaimOutcome> {
    if (room.outage.isOn) return room.outage.claim(visitor);
    const outcome = await ask(room, () => room.engine.claim(room.cursor, visitor.id));
    if (outcome.claimed) {
      if (!outcome.again) room.metrics.claimed();
      // Told here too: the broadcast of it may be lost with Redis after the token has been handed out.
      const { turn, deadline } = outcome;
      room.recovery.record.heard({ type: 'active', visitor: visitor.id, turn, deadline });
      room.wake();
    }
    return outcome;
  }

  /** Leaves the queue, gives the turn up, or ends the session. Whether there was anything to leave. */
  async leave(room: LiveRoom, visitorId: string, reason: 'left' | 'revoked' = 'left'): Promise<boolean> {
    const left = await ask(room, () => room.engine.leave(room.cursor, visitorId, reason));
    if (left) room.metrics.left();
    room.wake();
    return left;
  }

  /**
   * A ticket of a run or epoch that this gateway has not heard of: another one was quicker; or else Redis and all who
   * might remember have lost it, and the ticket is the witness.
   */
  async #catchUp(room: LiveRoom, text: string): Promise<void> {
    const ticket = this.read(text);
    if (ticket?.room !== room.name || room.link === 'away' || !showsLoss(room, ticket)) return;
    await ask(room, () => room.refresh());
    if (!showsLoss(room, ticket)) return;
    await ask(room, () => room.recover(room.cursor.epochId, ticket));
  }

  #ofThisRun(room: LiveRoom, text: string): PlaceTicket | undefined {
    const ticket = this.read(text);
    return ticket !== undefined && ticket.room === room.name && room.cursor.runOf(ticket) === room.cursor.run
      ? ticket
      : undefined;
  }

  /** The place of the ticket as far as it is known here, or a new one behind all that are. */
  async #joinWithoutRedis(
    room: LiveRoom,
    lane: number,
    text: string | undefined,
    code: string | undefined,
  ): Promise<JoinResult> {
    if (text !== undefined && this.#ofThisRun(room, text) !== undefined) {
      const { visitor } = await this.find(room, text);
      if (visitor !== undefined && !isOver(visitor.state)) return { isNew: false, visitor, ticket: text };
    }
    // How often a code was used only Redis knows.
    if (code !== undefined || room.rules.queue.inviteOnly) throw away();
    const joined = room.outage.join(lane);
    if (joined === undefined) throw away();
    if (typeof joined === 'object') {
      return { isNew: true, visitor: joined, ticket: this.ticketOf(room, joined) };
    }
    room.metrics.joined(joined);
    return { refused: joined };
  }

  /** Gives nobody a new place: who only asks for a place that is over is told what became of it. */
  async #seatAgain(room: LiveRoom, ticket: PlaceTicket): Promise<FindResult> {
    const place = (): Place => placeOf(room, ticket);
    const seat = (): Promise<JoinOutcome | undefined> =>
      ask(room, () => room.engine.seat(room.cursor, place()));
    let seated = await seat();
    if (seated?.refused === 'unsealed') {
      await ask(room, () => room.refresh());
      seated = await seat();
    }
    if (seated?.refused !== undefined) return { why: 'no-place' };
    const found = seated ?? (await ask(room, () => room.engine.lookUp(room.cursor, place())));
    if (found.state === 'unknown') return { why: 'no-place' };
    const facts =
      'rank' in found ? foundAs(found) : { ...found, reason: undefined, rankKnown: found.position };
    const visitor = room.visitors.learn(ticket.visitor, seated?.lane ?? place().lane, facts);
    visitor.seenAt = Date.now();
    room.wake();
    return { visitor, freshTicket: this.ticketOf(room, visitor) };
  }

  /** The ticket of the visitor's place in the present epoch. */
  ticketOf(room: LiveRoom, visitor: Visitor): string {
    const { run, epoch, epochId, lanes } = room.cursor;
    const ticket: PlaceTicket = {
      room: room.name,
      run,
      epoch,
      epochId,
      visitor: visitor.id,
      lane: lanes[visitor.lane] ?? '',
      score: visitor.score < drawnBelow ? drawn : String(visitor.score),
      issuedAt: Math.floor(room.cursor.now() / 1_000),
    };
    return this.#tickets.sign(ticket);
  }
}

/**
 * Whether a ticket tells of something that Redis, as this gateway knows it, does not: a later run; an epoch that is not
 * before this one; or any other epoch, in a room that was made without memory of one.
 */
function showsLoss({ cursor }: LiveRoom, ticket: PlaceTicket): boolean {
  if (ticket.run > cursor.run) return true;
  if (cursor.runOf(ticket) < cursor.run || cursor.isOf(ticket)) return false;
  return ticket.epoch >= cursor.epoch || cursor.isFresh;
}

/**
 * A score that no place has, and none can be found by: its lane is gone, and that could be only with nobody in it; or it is
 * of who was to be drawn when the room closed.
 */
const gone = -2;

function placeOf(room: LiveRoom, ticket: PlaceTicket): { visitor: string; lane: number; score: number } {
  const lane = room.cursor.lanes.indexOf(ticket.lane);
  if (lane < 0) return { visitor: ticket.visitor, lane: 0, score: gone };
  return { visitor: ticket.visitor, lane, score: scoreOf(room, ticket) };
}

function scoreOf({ draw }: LiveRoom, { score, issuedAt, visitor }: PlaceTicket): number {
  if (score !== drawn) return Number(score);
  return issuedAt < Math.floor(draw.state.endedAt / 1_000) ? gone : draw.scoreOf(visitor);
}

/** While Redis is away the room's state is the reason, and no longer than that. */
function fromTicket(room: LiveRoom, ticket: PlaceTicket): Visitor {
  const { visitor, lane, score } = placeOf(room, ticket);
  const facts = { score, state: 'waiting', turn: 0, deadline: 0, reason: undefined, sequence: 0 } as const;
  return room.visitors.learn(visitor, lane, facts);
}

/** Whether the visitor may come in: the turn is given or the session lives. */
export function hasTurn(visitor: Visitor): boolean {
  return !isOver(visitor.state) && (visitor.state === 'admitted' || visitor.state === 'active');
}
