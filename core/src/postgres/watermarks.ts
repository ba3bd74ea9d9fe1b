import type { Pool, PoolClient } from 'pg';
import { beforeAll, type StreamId } from '../jobs/stream-id.ts';

/** Up to where a partition's outbox is in Postgres; `0-0` before the first chunk. */
export async function readWatermark(client: Pool | PoolClient, partition: number): Promise<StreamId> {
  const { rows } = await client.query<{ ms: string; seq: string }>(
    'select ms, seq from outbox_watermarks where partition = $1',
    [partition],
  );
  const [row] = rows;
  return row === undefined ? beforeAll : { ms: Number(row.ms), seq: Number(row.seq) };
}

/**
 * Raises the partition's watermark, never lowers it, and holds its row until the transaction ends: of two chunks of
 * one partition the second waits here. Call it first in the transaction that writes the chunk.
 */
export async function raiseWatermark(client: PoolClient, partition: number, to: StreamId): Promise<void> {
  await client.query({
    name: 'raise-watermark',
    text: `insert into outbox_watermarks as known (partition, ms, seq) values ($1, $2, $3)
      on conflict (partition) do update
      set ms = greatest(known.ms, excluded.ms),
        seq = case when known.ms > excluded.ms then known.seq when known.ms < excluded.ms then excluded.seq
          else greatest(known.seq, excluded.seq) end,
        updated_at = now()`,
    values: [partition, to.ms, to.seq],
  });
}
