import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@ropeline/core/log.ts';
import { callbackSignatureHeader, signCallback } from '@ropeline/core/payments/callback-signature.ts';
import type { Behaviour } from './behaviour.ts';
import type { Chance } from './chance.ts';
import type { Charge } from './ledger.ts';

export type CallbackOutcome = 'delivered' | 'refused' | 'lost';

type Options = {
  /** Undefined: nobody is called back. */
  readonly target: { readonly url: string; readonly secret: string } | undefined;
  readonly current: { readonly behaviour: Behaviour };
  readonly chance: Chance;
  readonly log: Logger;
  readonly onOutcome: (outcome: CallbackOutcome) => void;
};

const answerWithinMs = 5_000;
/** Waits before a callback that was not taken is sent again; then it is given up. */
const retryAfterMs = [1_000, 2_000, 4_000, 8_000];

/**
 * Tells the shop what became of a charge, as providers do: signed, at some time, in any order, perhaps twice, perhaps
 * never. Kept in memory only: who was not told may ask, and a callback that dies with the process is one more that
 * was lost.
 */
export class Callbacks {
  readonly #options: Options;
  readonly #stopping = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: Options) {
    this.#options = options;
  }

  tell(charge: Charge): void {
    const { target, current, chance, onOutcome } = this.#options;
    if (target === undefined || this.#stopping.signal.aborted) return;
    const { callbackDelayMs, callbackDuplicateShare, callbackLossShare } = current.behaviour;
    if (chance() < callbackLossShare) {
      onOutcome('lost');
      return;
    }
    const copies = chance() < callbackDuplicateShare ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const sending = this.#send(charge, target, chance() * callbackDelayMs).finally(() =>
        this.#underWay.delete(sending),
      );
      this.#underWay.add(sending);
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#underWay);
  }

  async #send(charge: Charge, target: { url: string; secret: string }, delayMs: number): Promise<void> {
    const { log, onOutcome } = this.#options;
    const { signal } = this.#stopping;
    try {
      await delay(delayMs, undefined, { signal });
      for (const waitMs of [...retryAfterMs, undefined]) {
        if (await this.#isTaken(charge, target)) {
          onOutcome('delivered');
          return;
        }
        if (waitMs !== undefined) await delay(waitMs, undefined, { signal });
      }
      onOutcome('refused');
      log.warn({ reference: charge.reference }, 'callback given up');
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #isTaken(charge: Charge, { url, secret }: { url: string; secret: string }): Promise<boolean> {
    const { reference, state } = charge;
    const body = JSON.stringify({ id: `${reference}#${state}`, type: `charge.${state}`, charge });
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          [callbackSignatureHeader]: signCallback(secret, body, Math.floor(Date.now() / 1_000)),
        },
        body,
        signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(answerWithinMs)]),
      });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }
}
