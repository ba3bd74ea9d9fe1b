import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { readShards, sumOf } from '../inventory/refresh-stock.ts';
import type { OfferEditor } from '../offers/offer-editor.ts';

type Parts = {
  readonly pool: Pool;
  readonly stock: () => StockClient;
  readonly editor: OfferEditor;
  readonly log: Logger;
  readonly found: (finding: 'capacity') => void;
};

type Row = { readonly id: number; readonly capacity: number; readonly shards: number };

/**
 * Finishes or undoes a change of an offer's capacity that was cut short between Postgres and Redis: Redis follows
 * Postgres. A difference counts when it is the same in two comparisons: units that are moved between shards are on
 * neither side or on both for a moment. Of a withdrawn offer nothing can be sold, whatever Redis says.
 */
export function capacityComparison({ pool, stock, editor, log, found }: Parts): () => Promise<void> {
  let before = new Map<number, number>();
  return async () => {
    const { rows } = await pool.query<Row>(
      'select offer_id as id, capacity, shards from offers where withdrawn_at is null',
    );
    const shards = await readShards(stock(), rows);
    const differences = new Map<number, number>();
    for (const { id, capacity } of rows) {
      const counts = shards.get(id);
      if (counts === undefined) continue;
      const difference = sumOf(counts).capacity - capacity;
      if (difference === 0) continue;
      if (before.get(id) !== difference) {
        differences.set(id, difference);
        continue;
      }
      log.warn({ correlationId: `offer:${id}`, difference }, 'a change of capacity was cut short: finished');
      await editor.align(id);
      found('capacity');
    }
    before = differences;
  };
}
