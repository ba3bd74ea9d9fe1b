import type { Logger } from '@ropeline/core/log.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { type Repeated, repeat } from '@ropeline/core/repeat.ts';
import { reconcilerKey } from '@ropeline/core/stock/stock-keys.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { OfferEditor } from '../offers/offer-editor.ts';
import type { OrderRows } from '../orders/order-rows.ts';
import type { StockOrders } from '../orders/stock-orders.ts';
import { capacityComparison } from './compare-capacity.ts';
import { compareOrders, type Finding } from './compare-orders.ts';

type Parts = {
  readonly pool: Pool;
  readonly inventory: Inventory;
  readonly orders: StockOrders;
  readonly rows: OrderRows;
  readonly editor: OfferEditor;
  readonly log: Logger;
  readonly found: (finding: Finding | 'capacity') => void;
  readonly everyMs: number;
};

/**
 * Looks for what somebody who died has left different in Redis and Postgres, and finishes or undoes it. One comparison
 * in `everyMs`, however many services run. What is due by itself is others' work: holds (workers), payments (settler),
 * transfers of units (workers), an emptied Redis (stock gate).
 */
export function startReconciler({ everyMs, ...parts }: Parts): Repeated {
  const { inventory, log } = parts;
  const compareCapacity = capacityComparison({ ...parts, stock: () => inventory.stock });
  return repeat('reconciler', everyMs, log, async () => {
    const { stock } = inventory;
    const isMine = await stock.redis.set(reconcilerKey, '1', 'PX', Math.ceil(everyMs / 2), 'NX');
    if (isMine === null) return;
    await compareOrders({ ...parts, stock });
    await compareCapacity();
  });
}
