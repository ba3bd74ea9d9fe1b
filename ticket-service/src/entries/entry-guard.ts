import { AppError } from '@ropeline/core/errors.ts';
import type { EntryClaims } from '@ropeline/core/protocol/entry.ts';
import type { Offer } from '../offers/offer.ts';
import type { Entry } from '../plugins/auth.ts';
import type { EntryKeys } from './entry-keys.ts';

/**
 * Binds an entry to the first holder who uses it, in the stock Redis. Answers who holds it: a binding never
 * changes. `expiresAt` in Unix ms, when the token ends at the latest.
 */
export type BindEntry = (jti: string, holder: string, expiresAt: number) => Promise<string>;

/** Holds an entry where calls come without a member's token. No member's id has a colon. */
export const technicalHolder = (jti: string): string => `source:${jti}`;

/** Whoever ordered with an entry holds it. */
export function holderOfOrder({ memberId, entry }: { memberId: string; entry: string }): string {
  return memberId.includes(':') ? technicalHolder(entry) : memberId;
}

/** `expiresAt` of the token that it was last bound with, Unix ms. */
type Binding = { readonly holder: string; readonly expiresAt: number };

/**
 * Lets an entry token through to an offer: valid, of one of the offer's rooms, and used by nobody else before.
 * Bindings are remembered, for they never change; a renewed token binds again, so that Redis keeps it as long.
 */
export class EntryGuard {
  readonly #keys: EntryKeys;
  readonly #bind: BindEntry;
  readonly #maxRemembered: number;
  readonly #bindings = new Map<string, Binding>();

  constructor(keys: EntryKeys, bind: BindEntry, maxRemembered = 20_000) {
    this.#keys = keys;
    this.#bind = bind;
    this.#maxRemembered = maxRemembered;
  }

  /**
   * The entry, or 401 `entry-required`, 403 `entry-wrong-room`, 403 `entry-bound`, 503 without keys. `holderOf` says
   * who uses the entry of a `jti`.
   */
  async admit(offer: Offer, tokens: readonly string[], holderOf: (jti: string) => string): Promise<Entry> {
    const known = this.recall(offer, tokens, holderOf);
    if (known !== undefined) return known;
    const claims = await this.#firstValid(tokens);
    if (claims === undefined) throw new AppError('entry-required', { members: { rooms: offer.rooms } });
    if (!offer.rooms.includes(claims.aud))
      throw new AppError('entry-wrong-room', { members: { rooms: offer.rooms } });
    const holder = holderOf(claims.jti);
    if ((await this.#holderOf(claims, holder)) !== holder) throw new AppError('entry-bound');
    return entryOf(claims);
  }

  /** The entry where nothing is to be checked anew; undefined says nothing: `admit` knows. */
  recall(offer: Offer, [token]: readonly string[], holderOf: (jti: string) => string): Entry | undefined {
    const claims = token === undefined ? undefined : this.#keys.recall(token);
    if (claims === undefined || !offer.rooms.includes(claims.aud)) return undefined;
    return this.#knownHolderOf(claims) === holderOf(claims.jti) ? entryOf(claims) : undefined;
  }

  async #firstValid(tokens: readonly string[]): Promise<EntryClaims | undefined> {
    for (const token of tokens) {
      const claims = await this.#keys.verify(token);
      if (claims !== undefined) return claims;
    }
    return undefined;
  }

  #knownHolderOf({ jti, exp }: EntryClaims): string | undefined {
    const known = this.#bindings.get(jti);
    return known !== undefined && known.expiresAt >= exp * 1_000 ? known.holder : undefined;
  }

  async #holderOf(claims: EntryClaims, user: string): Promise<string> {
    const known = this.#knownHolderOf(claims);
    if (known !== undefined) return known;
    const { jti, exp } = claims;
    const expiresAt = exp * 1_000;
    const holder = await this.#bind(jti, user, expiresAt);
    if (this.#bindings.size >= this.#maxRemembered) {
      const [oldest] = this.#bindings.keys();
      if (oldest !== undefined) this.#bindings.delete(oldest);
    }
    this.#bindings.set(jti, { holder, expiresAt });
    return holder;
  }
}

function entryOf({ jti, aud, sub }: EntryClaims): Entry {
  return { jti, room: aud, visitor: sub };
}
