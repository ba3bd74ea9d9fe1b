import type { RoomEvent } from '../broadcast.ts';
import type { Stock } from '../engine.ts';
import { isOwnTurn } from '../outage/own-turns.ts';
import type { EndedTurns } from './ended-turns.ts';
import { Exceptions } from './exceptions.ts';
import { parseWord, type SpentWord } from './spent-words.ts';
import { isPassed, lastAt, nobodyAdmitted, nobodyEnded, raised, type UpTo } from './up-to.ts';

type Turn = Extract<SpentWord, { readonly kind: 'turn' }>;
type Exception = Extract<SpentWord, { readonly kind: 'exception' }>;
type Over = Extract<SpentWord, { readonly kind: 'over' }>;

/** Most places that are over that are kept, as in lua/include/upkeep.lua. */
const mostKept = 100_000;
/** What ran out is kept a while: a tick that comes late may still end it in another way. */
const expiredMs = 60_000;

/**
 * What a gateway remembers of a room so that nobody is served twice and nobody loses a turn, whatever becomes of
 * Redis: turns and sessions, the last admitted score of each lane, the exceptions below it (struck for absence, second
 * chances that wait), places that are over, sessions that ended before their tokens, the stock. Learnt from the
 * broadcast, and at the start or after a gap read in pages; each fact knows its turn's number, so that the later one wins.
 *
 * Memory: a session or turn some 200 bytes as long as it lives, as much of places over, of which at most 100,000 lie at or
 * below the last admitted score (there it says the same without them); {@link Exceptions}.
 */
export class SpentRecord {
  readonly #turns = new Map<string, Turn>();
  readonly #exceptions = new Exceptions();
  readonly #over = new Map<string, Over>();
  readonly #last = new Map<string, UpTo>();
  readonly #ended: EndedTurns;
  #turn = 0;
  #mayHaveMore = false;
  #endedTo = nobodyEnded;
  #endedBy = '';
  #stock: (Stock & { readonly at: number }) | undefined;

  constructor(ended: EndedTurns) {
    this.#ended = ended;
  }

  /** Highest number of a turn that was given. */
  get turn(): number {
    return this.#turn;
  }

  /** Whether Redis may know of places that are over although no turn was given. */
  get mayHaveMore(): boolean {
    return this.#mayHaveMore;
  }

  /** Whether the session of this turn is known to live. */
  isActive(visitor: string, turn: number): boolean {
    const known = this.#turns.get(visitor);
    return known?.stage === 'active' && known.turn === turn;
  }

  /** How many have a turn or a session, by deadlines in Unix ms of Redis. */
  insideAt(now: number): number {
    let inside = 0;
    for (const { stage, deadline } of this.#turns.values())
      if (stage !== 'waits-again' && deadline > now) inside += 1;
    return inside;
  }

  heard(event: RoomEvent): void {
    switch (event.type) {
      case 'admitted':
        // Without a score it was given by a gateway while Redis was away, and out of turn.
        if (event.at !== undefined) this.#raiseLast(event.at.lane, lastAt(event.at.score));
        this.#putTurn({
          ...turnOf(event.visitor, event.turn, event.at, event.lapses),
          stage: 'admitted',
          deadline: event.claimBy,
        });
        return;
      case 'active':
        this.#putTurn({
          ...turnOf(event.visitor, event.turn, event.at),
          stage: 'active',
          deadline: event.deadline,
        });
        if (event.outOfTurn && event.at !== undefined)
          this.#over.set(event.visitor, {
            kind: 'over',
            visitor: event.visitor,
            reason: 'served',
            ...event.at,
          });
        return;
      case 'waits-again':
        if (event.at !== undefined)
          this.#putTurn({
            ...turnOf(event.visitor, event.turn, event.at, event.lapses),
            stage: 'waits-again',
            deadline: 0,
          });
        return;
      case 'ended':
        if (event.deadline !== undefined) this.#ended.add(`${event.visitor}.${event.turn}`, event.deadline);
        if (event.reason === 'revoked') this.#end(event.visitor, 'revoked', this.#turns.get(event.visitor));
        else if ((this.#turns.get(event.visitor)?.turn ?? 0) <= event.turn) this.#turns.delete(event.visitor);
        return;
      case 'lapsed':
        this.#end(event.visitor, 'lapsed', event.at);
        return;
      case 'out':
        this.#end(event.visitor, event.reason, event.at);
        return;
      case 'abandoned':
      case 'passed-over':
        if (event.at !== undefined) this.#except({ kind: 'exception', visitor: event.visitor, ...event.at });
        return;
      case 'queue-ended':
        this.#endQueue(event.upTo, event.reason);
        return;
      case 'stock':
        this.#stock = event;
        return;
      default:
    }
  }

  /** A word that Redis knows, or knew; see lua/read_spent.lua. */
  take(text: string): void {
    const word = parseWord(text);
    switch (word.kind) {
      case 'turn':
        this.#putTurn(word, true);
        return;
      case 'exception':
        this.#except(word);
        return;
      case 'over':
        if (word.reason === 'served') this.#over.set(word.visitor, word);
        else this.#end(word.visitor, word.reason, word);
        return;
      case 'ended':
        this.#ended.add(`${word.visitor}.${word.turn}`, word.until);
        if (this.#turns.get(word.visitor)?.turn === word.turn) this.#turns.delete(word.visitor);
        return;
      default:
        word satisfies never;
    }
  }

  /** What one reading of the room's counters tells. */
  takeCounters(pacer: ReadonlyMap<string, string>, lanes: readonly string[]): void {
    this.#sawTurn(Number(pacer.get('turn') ?? 0));
    this.#mayHaveMore ||= Number(pacer.get('left') ?? 0) + Number(pacer.get('abandoned') ?? 0) > 0;
    const score = (field: string): number => Number(pacer.get(field) ?? -1);
    for (const lane of lanes)
      this.#raiseLast(lane, { drawn: score(`lastDrawn:${lane}`), arrived: score(`last:${lane}`) });
    const ended = (field: string): number => Number(pacer.get(field) ?? -2);
    const upTo = { drawn: ended('endedDrawn'), arrived: ended('endedTo') };
    this.#endQueue(upTo, pacer.get('endedBy') ?? 'closed');
    const at = Number(pacer.get('stock.at') ?? 0);
    if (at <= (this.#stock?.at ?? 0)) return;
    const units = (name: string): number => Number(pacer.get(`stock.${name}`));
    this.#stock = { capacity: units('capacity'), held: units('held'), sold: units('sold'), at };
  }

  sawLastAdmitted(lane: string, last: UpTo): void {
    this.#raiseLast(lane, last);
  }

  /** All of it for lua/restore_room.lua; `isComplete`: nothing is missing, so who is no exception was served. */
  *words(isComplete: boolean): Generator<string> {
    for (const [lane, { drawn, arrived }] of this.#last) {
      for (const score of [drawn, arrived]) {
        if (score < 0) continue;
        if (isComplete) yield `s:${lane}:${score}`;
        yield `m:${lane}:${score}`;
      }
    }
    for (const score of [this.#endedTo.drawn, this.#endedTo.arrived])
      if (score >= 0) yield `z:${score}:${this.#endedBy}`;
    yield `n:${this.#turn}`;
    if (this.#stock !== undefined) {
      const { capacity, held, sold, at } = this.#stock;
      yield `k:${capacity}:${held}:${sold}:${at}`;
    }
    for (const [jti, until] of this.#ended.all()) yield `e:${jti.replace(/\.(\d+)$/, ':$1')}:${until}`;
    for (const { visitor, reason, lane, score } of this.#over.values())
      yield `q:${visitor}:${reason}:${lane}:${score}`;
    for (const { visitor, stage, turn, lapses, lane, score, deadline } of this.#turns.values())
      yield `${stageLetters[stage]}:${visitor}:${turn}:${lapses}:${lane}:${score}:${deadline}`;
    for (const { visitor, lane, score } of this.#exceptions.all()) yield `x:${visitor}:${lane}:${score}`;
  }

  /** Another run: nothing of this one counts any more. */
  clear(): void {
    this.#turns.clear();
    this.#exceptions.clear();
    this.#over.clear();
    this.#last.clear();
    this.#turn = 0;
    this.#mayHaveMore = false;
    this.#endedTo = nobodyEnded;
    this.#stock = undefined;
  }

  forgetOld(now: number): void {
    for (const { visitor, stage, deadline } of this.#turns.values()) {
      if (stage !== 'waits-again' && deadline < now - expiredMs) this.#turns.delete(visitor);
    }
    this.#exceptions.deleteFirst();
    if (this.#over.size <= mostKept) return;
    for (const { visitor, lane, score } of this.#over.values()) {
      if (this.#over.size <= mostKept) break;
      if (isPassed(this.#last.get(lane) ?? nobodyAdmitted, score)) this.#over.delete(visitor);
    }
  }

  /** What is heard comes in order; what is read may be older than what was heard since. */
  #putTurn(word: Turn, wasRead = false): void {
    const { visitor, turn, stage } = word;
    if (!isOwnTurn(turn)) this.#turn = Math.max(this.#turn, turn);
    if (this.#ended.has(`${visitor}.${turn}`)) return;
    const why = this.#over.get(visitor)?.reason;
    if (why !== undefined && why !== 'served') return;
    const known = this.#turns.get(visitor);
    if (known !== undefined && wasRead) {
      if (known.turn > turn) return;
      if (known.turn === turn && stages.indexOf(known.stage) > stages.indexOf(stage)) return;
    }
    this.#exceptions.delete(visitor);
    // A renewal tells neither lane nor score: they are those of the turn.
    const place = word.lane === unknownLane && known !== undefined ? known : word;
    const { lane, score, lapses } = place;
    this.#turns.set(visitor, { ...word, lane, score, lapses });
  }

  /** Numbers of turns that a gateway gave while Redis was away are no count. */
  #sawTurn(turn: number): void {
    if (!isOwnTurn(turn)) this.#turn = Math.max(this.#turn, turn);
  }

  #except(word: Exception): void {
    if (this.#over.has(word.visitor) || this.#turns.has(word.visitor)) return;
    if (isPassed(this.#endedTo, word.score)) return;
    this.#exceptions.add(word);
  }

  #end(
    visitor: string,
    reason: string,
    at: { readonly lane: string; readonly score: number } | undefined,
  ): void {
    const { lane, score } = at ?? this.#turns.get(visitor) ?? { lane: unknownLane, score: 0 };
    this.#turns.delete(visitor);
    this.#exceptions.delete(visitor);
    this.#over.set(visitor, { kind: 'over', visitor, reason, lane, score });
  }

  /** Who is to be drawn ends now and not for good: others may join the draw after them. */
  #endQueue(upTo: UpTo, reason: string): void {
    const { drawn, arrived } = this.#endedTo;
    if (upTo.drawn <= drawn && upTo.arrived <= arrived) return;
    this.#endedTo = raised(this.#endedTo, {
      ...upTo,
      drawn: upTo.drawn < 0 ? nobodyEnded.drawn : upTo.drawn,
    });
    this.#endedBy = reason;
    this.#exceptions.deleteUpTo(upTo);
    for (const each of this.#turns.values())
      if (each.stage === 'waits-again' && isPassed(upTo, each.score)) this.#turns.delete(each.visitor);
  }

  #raiseLast(lane: string, last: UpTo): void {
    this.#last.set(lane, raised(this.#last.get(lane) ?? nobodyAdmitted, last));
  }
}

const unknownLane = '-';
const stages = ['admitted', 'active', 'waits-again'] as const;
const stageLetters = { admitted: 'a', active: 'c', 'waits-again': 'w' } as const;

function turnOf(
  visitor: string,
  turn: number,
  at: { readonly lane: string; readonly score: number } | undefined,
  lapses = 0,
): Omit<Turn, 'stage' | 'deadline'> {
  return { kind: 'turn', visitor, turn, lapses, lane: at?.lane ?? unknownLane, score: at?.score ?? 0 };
}
