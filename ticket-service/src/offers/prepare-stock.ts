import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { prepareOfferStock, prepareProductStock } from '../inventory/prepare-stock.ts';

/** Gives every offer and product of Postgres its units in the stock Redis, unless it has some. */
export async function prepareStock(pool: Pool, stock: StockClient): Promise<void> {
  const [offers, products] = await Promise.all([
    pool.query<Units & { readonly shards: number }>(
      'select offer_id as id, capacity as units, shards from offers',
    ),
    pool.query<Units>('select product_id as id, quantity as units from products'),
  ]);
  await Promise.all([
    ...offers.rows.map((offer) => prepareOfferStock(stock, offer, offer.units)),
    ...products.rows.map(({ id, units }) => prepareProductStock(stock, id, units)),
  ]);
}

type Units = { readonly id: number; readonly units: number };
