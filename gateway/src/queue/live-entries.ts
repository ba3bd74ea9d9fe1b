import type { EntryClaims } from '@ropeline/core/protocol/entry.ts';
import type { EndedTurns } from './ended-turns.ts';
import { CursorStale, EpochLost, type QueueEngine } from './engine.ts';
import { isOfOtherRun } from './own-turns.ts';
import type { Recovery } from './recovery.ts';
import type { SeenEntry } from './recovery-engine.ts';
import type { RoomCursor } from './room-cursor.ts';

type Options = {
  readonly engine: QueueEngine;
  readonly cursor: RoomCursor;
  readonly ended: EndedTurns;
  readonly recovery: Recovery;
  readonly refresh: () => Promise<unknown>;
  readonly isAway: () => boolean;
};

/**
 * Which sessions live, as this gateway knows it. A token whose session it has never heard of is looked up once, batched:
 * it may have ended before this gateway started, or Redis has lost it and it is counted again. While Redis is away
 * the token alone decides.
 */
export class LiveEntries {
  readonly #options: Options;
  /** Seen before: token id -> its end, Unix ms. */
  readonly #seen = new Map<string, number>();

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * What memory alone says of a valid token: its session was ended or revoked before its time, is of an earlier run,
   * or past its deadline by the clock of Redis, which set it.
   */
  isKnownOver({ jti, exp }: EntryClaims): boolean {
    const { cursor, ended, recovery } = this.#options;
    const turn = turnOf(jti);
    const isOfOtherTime = isOfOtherRun(turn, cursor.run) ?? turn <= recovery.firstTurn;
    return isOfOtherTime || exp * 1_000 <= cursor.now() || ended.has(jti);
  }

  /** Whether a valid token's session is over. */
  async isOver(claims: EntryClaims): Promise<boolean> {
    if (this.isKnownOver(claims)) return true;
    const { jti, sub, exp, lane } = claims;
    const { recovery, isAway } = this.#options;
    const turn = turnOf(jti);
    if (recovery.record.isActive(sub, turn) || this.#seen.has(jti) || isAway()) return false;
    const outcome = await this.#look({ visitor: sub, turn, expiresAtMs: exp * 1_000, lane }).catch(
      () => undefined,
    );
    if (outcome === undefined) return false;
    if (outcome === 'over') {
      this.#options.ended.add(jti, exp * 1_000);
      return true;
    }
    if (outcome !== 'lost') this.#seen.set(jti, exp * 1_000);
    return false;
  }

  forgetOld(now: number): void {
    for (const [jti, until] of this.#seen) if (until < now) this.#seen.delete(jti);
  }

  async #look(entry: SeenEntry): Promise<'over' | 'known' | 'counted' | 'lost'> {
    const { engine, cursor, recovery, refresh } = this.#options;
    const look = (): Promise<'over' | 'known' | 'counted' | 'lost'> =>
      engine.recovery.countEntry(cursor, entry);
    const { epochId } = cursor;
    try {
      const outcome = await look();
      if (outcome !== 'lost') return outcome;
      await recovery.recover(epochId, { epoch: 0, run: 0 });
    } catch (error) {
      if (error instanceof EpochLost) await recovery.recover(error.epochId);
      else if (error instanceof CursorStale) await refresh();
      else throw error;
    }
    return look();
  }
}

/** `jti` = `<visitor>.<turn>`. */
function turnOf(jti: string): number {
  return Number(jti.slice(jti.lastIndexOf('.') + 1));
}
