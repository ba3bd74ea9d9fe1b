import { consumeEvents, type EventConsumer } from '@ropeline/core/events/consume-events.ts';
import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { type Repeated, repeat } from '@ropeline/core/repeat.ts';
import { eventTallies } from './event-tallies.ts';

export const eventConsumers: readonly EventConsumer[] = [eventTallies];

const everyMs = 250;

/** Runs the consumers in this process; any number of processes may, each consumer works in one of them at a time. */
export function consumeAll(pool: Pool, log: Logger, consumers = eventConsumers): Repeated {
  const chores = consumers.map((consumer) =>
    repeat(`events: ${consumer.name}`, everyMs, log, async () => {
      while ((await consumeEvents(pool, consumer)) > 0);
    }),
  );
  return {
    stop: async () => {
      await Promise.all(chores.map((chore) => chore.stop()));
    },
  };
}
