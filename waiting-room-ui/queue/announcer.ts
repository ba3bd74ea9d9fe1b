const quietMs = 12_000;

/**
 * Says changes to screen readers through one polite live region, at most one in 12 s: a number that changes every
 * second would drown everything else. The latest text wins; urgent ones (the turn, the end) do not wait.
 */
export class Announcer {
  readonly #region: HTMLElement;
  #said = '';
  #next = '';
  #saidAt = -quietMs;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(region: HTMLElement) {
    this.#region = region;
  }

  say(text: string, urgent = false): void {
    this.#next = text;
    if (text === this.#said) return;
    if (urgent) {
      clearTimeout(this.#timer);
      this.#speak();
      return;
    }
    this.#timer ??= setTimeout(() => this.#speak(), Math.max(0, this.#saidAt + quietMs - performance.now()));
  }

  #speak(): void {
    this.#timer = undefined;
    if (this.#next === this.#said) return;
    this.#said = this.#next;
    this.#saidAt = performance.now();
    this.#region.textContent = this.#next;
  }
}
