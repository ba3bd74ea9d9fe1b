import { join } from 'node:path';
import type { Program } from './program.ts';

export type ServicePlace = {
  readonly root: string;
  readonly logs: string;
  readonly env: NodeJS.ProcessEnv;
};

/** Ranks of stopping: who takes requests first, who keeps the data last. */
export const ranks = { gateway: 0, ticket: 1, workers: 2, payment: 3, data: 4 } as const;

/** Our own processes, each with its rank. All gateways share one port; the first also owns the control port. */
export function servicePrograms(
  place: ServicePlace,
  gateways: number,
): readonly (readonly [Program, number])[] {
  const names = Array.from({ length: gateways }, (_, index) =>
    index === 0 ? 'gateway' : `gateway-${index + 1}`,
  );
  return [
    ...names.map((name, index) => {
      const numbered = { ...place, env: { ...place.env, GATEWAY_NUMBER: String(index + 1) } };
      return [nodeProgram(numbered, name, 'gateway/src/main.ts'), ranks.gateway] as const;
    }),
    [nodeProgram(place, 'ticket-service', 'ticket-service/src/main.ts'), ranks.ticket],
    [nodeProgram(place, 'workers', 'workers/src/main.ts'), ranks.workers],
    [nodeProgram(place, 'payment-simulator', 'payment-simulator/src/main.ts'), ranks.payment],
  ];
}

/** A TypeScript program of ours that says `ready` over its channel. */
export function nodeProgram({ root, logs, env }: ServicePlace, name: string, file: string): Program {
  return {
    name,
    command: process.execPath,
    args: [join(root, file)],
    env,
    cwd: root,
    logFile: join(logs, `${name}.log`),
    stopSignal: 'SIGTERM',
    ready: 'message',
  };
}
