import CircuitBreaker from 'opossum';
import type { Charge, ChargeOutcome, PaymentProvider } from './provider.ts';

export const breakerStates = ['closed', 'half-open', 'open'] as const;
export type BreakerState = (typeof breakerStates)[number];

type Options = {
  /** Told when the breaker opens, half-opens and closes. */
  readonly onChange?: (state: BreakerState) => void;
  /** Share of failed charges among those of the last ten seconds that opens it. */
  readonly openAtShare?: number;
  /** Fewer charges than this in ten seconds say nothing. */
  readonly leastCalls?: number;
  /** How long it stays open before one charge is let through to try. */
  readonly openMs?: number;
};

class Failed extends Error {
  readonly outcome: ChargeOutcome;

  constructor(outcome: ChargeOutcome) {
    super(outcome.detail);
    this.outcome = outcome;
  }
}

/**
 * A provider behind a circuit breaker. While it is open a charge is answered `error` at once: nothing was sent, so
 * certainly nothing was charged. Questions and
 * refunds take no money and pass it by.
 */
export function guardedProvider(
  provider: PaymentProvider,
  { onChange, openAtShare = 0.5, leastCalls = 10, openMs = 5_000 }: Options = {},
): PaymentProvider {
  const breaker = new CircuitBreaker(
    async (charge: Charge): Promise<ChargeOutcome> => {
      const outcome = await provider.charge(charge);
      if (outcome.kind === 'error' || outcome.kind === 'unknown') throw new Failed(outcome);
      return outcome;
    },
    // The provider has a deadline of its own; a second one would make an answer that comes late unknown.
    {
      timeout: false,
      errorThresholdPercentage: openAtShare * 100,
      volumeThreshold: leastCalls,
      resetTimeout: openMs,
      rollingCountTimeout: 10_000,
    },
  );
  breaker.on('open', () => onChange?.('open'));
  breaker.on('halfOpen', () => onChange?.('half-open'));
  breaker.on('close', () => onChange?.('closed'));
  return {
    ...provider,
    async charge(charge) {
      try {
        return await breaker.fire(charge);
      } catch (error) {
        if (error instanceof Failed) return error.outcome;
        return { kind: 'error', detail: 'the circuit breaker is open' };
      }
    },
    async close() {
      breaker.shutdown();
      await provider.close();
    },
  };
}
