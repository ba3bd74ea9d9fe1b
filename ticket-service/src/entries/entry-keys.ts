import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@ropeline/core/errors.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { EntryClaims } from '@ropeline/core/protocol/entry.ts';
import { EntryVerifier } from '@ropeline/core/token/entry-token.ts';
import type { JSONWebKeySet } from 'jose';
import { request } from 'undici';

type Options = {
  /** The gateway's `/_ropeline/jwks.json`. */
  readonly url: string;
  readonly issuer: string;
  readonly log: Logger;
  readonly minRefreshGapMs?: number;
};

const refreshMs = 60_000;
const retryMs = 1_000;
/** A token of a key that is not known asks for a refresh, but no oftener than this: forged tokens name keys at will. */
const defaultRefreshGapMs = 5_000;
const fetchTimeoutMs = 2_000;

/**
 * The gateway's public keys: fetched at the start, refreshed, and kept while the gateway is away, so that who is
 * inside can go on buying.
 */
export class EntryKeys {
  readonly #options: Options;
  readonly #verifier: EntryVerifier;
  readonly #stopped = new AbortController();
  #text = '';
  #fetchedAt = 0;
  #away = false;
  #refreshing: Promise<void> | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#verifier = new EntryVerifier(options.issuer);
  }

  get ready(): boolean {
    return this.#verifier.hasKeys;
  }

  /** Begins to fetch and returns at once: the gateway may start after this service. */
  start(): void {
    void this.#keepFresh();
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Claims of a token that was checked before and still lives; undefined says nothing of its validity. */
  recall(token: string): EntryClaims | undefined {
    return this.#verifier.recall(token);
  }

  /** The claims of a valid token, else undefined. Throws 503 `unavailable` while no key was ever fetched. */
  async verify(token: string): Promise<EntryClaims | undefined> {
    const claims = await this.#verifier.verify(token);
    if (claims !== undefined) return claims;
    if (this.#verifier.knowsKeyOf(token)) return undefined;
    const { minRefreshGapMs = defaultRefreshGapMs } = this.#options;
    if (Date.now() - this.#fetchedAt >= minRefreshGapMs) {
      await this.#refresh();
      return this.ready ? this.#verifier.verify(token) : this.#unavailable();
    }
    return this.ready ? undefined : this.#unavailable();
  }

  #unavailable(): never {
    throw new AppError('unavailable', {
      detail: 'The keys of the waiting room are not known yet',
      retryAfterSeconds: 1,
    });
  }

  async #keepFresh(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#refresh();
      await delay(this.ready && !this.#away ? refreshMs : retryMs, undefined, { signal, ref: false }).catch(
        () => undefined,
      );
    }
  }

  /** One fetch at a time; failure keeps what is there. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#fetch().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #fetch(): Promise<void> {
    const { url, log } = this.#options;
    this.#fetchedAt = Date.now();
    try {
      const { statusCode, body } = await request(url, {
        headersTimeout: fetchTimeoutMs,
        bodyTimeout: fetchTimeoutMs,
        signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(fetchTimeoutMs)]),
      });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`the gateway answered ${statusCode}`);
      // The verifier forgets what it has checked when keys change: only a change may tell it.
      if (text !== this.#text) this.#verifier.useKeys(JSON.parse(text) as JSONWebKeySet);
      this.#text = text;
      this.#away = false;
    } catch (error) {
      if (!this.#away && !this.#stopped.signal.aborted) {
        log.warn(
          { url, err: { message: (error as Error).message }, kept: this.ready },
          'entry keys cannot be fetched',
        );
      }
      this.#away = true;
    }
  }
}
