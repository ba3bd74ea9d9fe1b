/**
 * The sessions that ended before their tokens did, so that this gateway refuses them. An entry is kept as long as a
 * token of the session can live.
 */
export class EndedTurns {
  readonly #until = new Map<string, number>();

  /** `jti` = `<visitor>.<turn>`; `untilMs` = latest expiry of a token of it, Unix ms. */
  add(jti: string, untilMs: number): void {
    this.#until.set(jti, Math.max(untilMs, this.#until.get(jti) ?? 0));
  }

  has(jti: string): boolean {
    return this.#until.has(jti);
  }

  all(): IterableIterator<[string, number]> {
    return this.#until.entries();
  }

  forgetOld(now: number): void {
    for (const [jti, until] of this.#until) {
      if (until < now) this.#until.delete(jti);
    }
  }
}
