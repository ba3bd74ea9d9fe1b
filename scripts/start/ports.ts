import type { Values } from '@ropeline/core/config.ts';
import { freePort } from '../services/free-port.ts';
import { checkPorts } from './port-check.ts';
import type { settings } from './settings.ts';

export type Ports = {
  readonly gateway: number;
  readonly control: number;
  readonly ticket: number;
  readonly payment: number;
  readonly workers: number;
};

/** The five public ports, checked before anything starts; 0 becomes a free one. Throws {@link Refusal}. */
export async function choosePorts(config: Values<typeof settings>): Promise<Ports> {
  const wanted = {
    gateway: ['GATEWAY_PORT', config.gatewayPort],
    control: ['CONTROL_PORT', config.controlPort],
    ticket: ['TICKET_PORT', config.ticketPort],
    payment: ['PAYMENT_PORT', config.paymentPort],
    workers: ['WORKERS_PORT', config.workersPort],
  } as const;
  const fixed = Object.values(wanted).filter(([, port]) => port !== 0);
  await checkPorts(
    config.bindAddress,
    fixed.map(([setting, port]) => ({ setting, port })),
  );
  const pick = async ([, port]: readonly [string, number]): Promise<number> => port || freePort();
  return {
    gateway: await pick(wanted.gateway),
    control: await pick(wanted.control),
    ticket: await pick(wanted.ticket),
    payment: await pick(wanted.payment),
    workers: await pick(wanted.workers),
  };
}
