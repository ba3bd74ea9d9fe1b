import { until } from '../../testing/until.ts';
import { processesOf } from './processes-of.ts';
import type { Ropeline } from './start-ropeline.ts';

/** What `npm start` supervises, by the name that it prints, and how its command line is known. */
const commands = {
  'ticket-service': () => 'ticket-service/src/main.ts',
  workers: () => 'workers/src/main.ts',
  'payment-simulator': () => 'payment-simulator/src/main.ts',
  'stock-redis': ({ addresses }: Ropeline) => `redis-server 127.0.0.1:${new URL(addresses.ticketRedis).port}`,
  postgres: ({ dataDir }: Ropeline) => `bin/postgres -D ${dataDir}`,
} as const satisfies Record<string, (ropeline: Ropeline) => string>;

export type Service = keyof typeof commands;

/** `kill -9`, and waits until the supervisor says that it is back. */
export async function killService(ropeline: Ropeline, name: Service): Promise<void> {
  const command = commands[name](ropeline);
  const found = processesOf(ropeline.dataDir).find((one) => one.command.includes(command));
  if (found === undefined) throw new Error(`${name} does not run`);
  const timesBack = () => ropeline.output().split(`${name} is back`).length;
  const before = timesBack();
  process.kill(found.pid, 'SIGKILL');
  await until(() => timesBack() > before);
}
