/**
 * Readings of one thing that overlap: what a reading that began earlier has seen must not replace what one that began
 * later has seen, whichever ends first.
 */
export class LastBegun {
  #begun = 0;
  #kept = 0;

  /** Call it as a reading begins; what it returns says, once the reading is there, whether to keep it. */
  begin(): () => boolean {
    this.#begun += 1;
    const own = this.#begun;
    return () => {
      if (own < this.#kept) return false;
      this.#kept = own;
      return true;
    };
  }
}
