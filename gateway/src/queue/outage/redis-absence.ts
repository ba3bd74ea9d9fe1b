import type { Logger } from '@ropeline/core/log.ts';
import type { RedisLink } from '../link.ts';
import type { Outage } from './outage.ts';

type Options = {
  readonly outage: Outage;
  readonly link: RedisLink;
  readonly log: Logger;
  readonly tellWatchers: () => void;
  /** Reads what was missed. */
  readonly resync: () => Promise<void>;
  /** There, or away again: the room must be looked at. */
  readonly onReturned: () => void;
};

/**
 * Whether Redis is away for a room. States: there; away, entered by the first sign of it; returning, entered by the first
 * sign of its return, and left for `there` only when Redis has been told what it missed. A failure is mended by the next
 * sign.
 */
export class RedisAbsence {
  readonly #options: Options;
  #isAway = false;
  #returning: Promise<void> | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  set(away: boolean): void {
    if (this.#isAway === away) return;
    if (!away) {
      this.#comeBack();
      return;
    }
    this.#isAway = true;
    this.#options.tellWatchers();
    this.#options.outage.begin();
  }

  #comeBack(): void {
    const { outage, link, log, tellWatchers, resync, onReturned } = this.#options;
    this.#returning ??= outage
      .settle()
      .then(() => {
        this.#isAway = link.isAway;
        if (this.#isAway) return outage.begin();
        outage.stop();
        tellWatchers();
        return resync();
      })
      .catch((error: unknown) => log.debug({ err: error }, 'not back yet'))
      .finally(() => {
        this.#returning = undefined;
        onReturned();
      });
  }
}
