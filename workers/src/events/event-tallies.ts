import type { EventConsumer } from '@ropeline/core/events/consume-events.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';

/** Counts events by type, each once, for the metrics. */
export const eventTallies: EventConsumer = {
  name: 'event-tallies',
  headsOnly: true,
  async apply(client, events) {
    const byType = Map.groupBy(events, ({ type }) => type);
    await client.query(
      `insert into event_tallies as known (type, events)
       select * from unnest($1::text[], $2::bigint[])
       on conflict (type) do update set events = known.events + excluded.events`,
      [[...byType.keys()], [...byType.values()].map(({ length }) => length)],
    );
  },
};

export async function readTallies(
  pool: Pool,
): Promise<readonly { readonly type: string; readonly events: number }[]> {
  const { rows } = await pool.query<{ type: string; events: string }>(
    'select type, events from event_tallies',
  );
  return rows.map(({ type, events }) => ({ type, events: Number(events) }));
}
