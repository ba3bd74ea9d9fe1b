import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../postgres/transaction.ts';
import type { EventType, RopelineEvent } from './catalogue.ts';

export type EventConsumer = {
  /** Names its cursor: replicas of one consumer share it. */
  readonly name: string;
  /** It does not look at the data of events, so these are empty: by the ten thousand, reading them is most of the work. */
  readonly headsOnly?: true;
  /**
   * Applies events to Postgres by this client, in whose transaction the cursor moves: their effect is there once,
   * however many replicas run and whoever dies when. What leaves Postgres (a mail, a call) is not covered by that
   * and needs the event's id as its own key.
   *
   * Of one aggregate a higher version may come before a lower one; whoever keeps a state compares versions.
   */
  readonly apply: (client: PoolClient, events: readonly RopelineEvent[]) => Promise<void>;
};

const mostEvents = 500;

/**
 * Hands the consumer what it has not seen, at most `most` events; how many. 0 also when another replica is at it.
 *
 * Transactions commit in another order than they begin, so a plain "greater than the last" would pass over a late
 * one for ever. Read is therefore only what was written before the oldest transaction that is open now.
 */
export async function consumeEvents(pool: Pool, consumer: EventConsumer, most = mostEvents): Promise<number> {
  return inTransaction(pool, async (client) => {
    const cursor = await lockCursor(client, consumer.name);
    if (cursor === undefined) return 0;
    const { rows } = await client.query<Row>({
      name: consumer.headsOnly ? 'read-event-heads' : 'read-events',
      text: `select xact::text as at, position, correlation_id, aggregate, version, type, schema_version,
          round(extract(epoch from occurred_at) * 1000)::bigint as occurred_at,
          ${consumer.headsOnly ? "'{}'::jsonb as data" : 'data'}
        from events
        where (xact, position) > ($1::xid8, $2::bigint) and xact < pg_snapshot_xmin(pg_current_snapshot())
        order by events.xact, position limit $3`,
      values: [cursor.xact, cursor.position, most],
    });
    const last = rows.at(-1);
    if (last === undefined) return 0;
    await consumer.apply(client, rows.map(decode));
    await client.query(
      'update event_cursors set xact = $2, position = $3, updated_at = now() where consumer = $1',
      [consumer.name, last.at, last.position],
    );
    return rows.length;
  });
}

/** Age of the oldest event that a consumer has not seen, per consumer that ever ran. */
export async function eventLags(
  pool: Pool,
): Promise<readonly { readonly consumer: string; readonly lagSeconds: number }[]> {
  const { rows } = await pool.query<{ consumer: string; lag: number }>(
    `select consumer, coalesce(extract(epoch from now() - next.recorded_at), 0)::float8 as lag
     from event_cursors left join lateral (
       select recorded_at from events
       where (events.xact, events.position) > (event_cursors.xact, event_cursors.position)
       order by events.xact, events.position limit 1
     ) as next on true`,
  );
  return rows.map(({ consumer, lag }) => ({ consumer, lagSeconds: Math.max(0, lag) }));
}

async function lockCursor(
  client: PoolClient,
  consumer: string,
): Promise<{ readonly xact: string; readonly position: string } | undefined> {
  const lock = () =>
    client.query<{ xact: string; position: string }>({
      name: 'lock-cursor',
      text: 'select xact::text, position from event_cursors where consumer = $1 for update skip locked',
      values: [consumer],
    });
  const [cursor] = (await lock()).rows;
  if (cursor !== undefined) return cursor;
  const made = await client.query('insert into event_cursors (consumer) values ($1) on conflict do nothing', [
    consumer,
  ]);
  return made.rowCount === 1 ? (await lock()).rows[0] : undefined;
}

/** `bigint` comes as text. */
type Row = {
  readonly at: string;
  readonly position: string;
  readonly correlation_id: string;
  readonly aggregate: string;
  readonly version: number;
  readonly type: EventType;
  readonly schema_version: number;
  readonly occurred_at: string;
  readonly data: Readonly<Record<string, unknown>>;
};

function decode(row: Row): RopelineEvent {
  return {
    id: `${row.correlation_id}:${row.aggregate}:${row.version}`,
    type: row.type,
    schemaVersion: row.schema_version,
    correlationId: row.correlation_id,
    aggregate: row.aggregate,
    version: row.version,
    occurredAt: Number(row.occurred_at),
    data: row.data,
  };
}
