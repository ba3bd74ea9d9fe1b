import { createRegistry } from '@ropeline/core/metrics.ts';
import { Counter, type Registry } from 'prom-client';
import type { Fate } from './behaviour.ts';
import type { CallbackOutcome } from './callbacks.ts';

/** Every metric of the payment simulator. */
export type SimulatorMetrics = {
  readonly registry: Registry;
  readonly countFate: (fate: Fate) => Fate;
  readonly countCallback: (outcome: CallbackOutcome) => void;
};

export function createMetrics(): SimulatorMetrics {
  const registry = createRegistry();
  const registers = [registry];
  const charges = new Counter({
    name: 'payment_simulator_charges_total',
    help: 'New charges by what was decided for them',
    labelNames: ['fate'],
    registers,
  });
  const callbacks = new Counter({
    name: 'payment_simulator_callbacks_total',
    help: 'Callbacks by what became of them: delivered, refused (given up), lost (on purpose)',
    labelNames: ['outcome'],
    registers,
  });
  return {
    registry,
    countFate(fate) {
      charges.inc({ fate });
      return fate;
    },
    countCallback: (outcome) => callbacks.inc({ outcome }),
  };
}
