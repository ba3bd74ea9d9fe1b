import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { prepareOfferStock, prepareProductStock } from '../inventory/prepare-stock.ts';

type Units = { readonly id: number; readonly capacity: number; readonly shards: number };

/** Gives offers their units in the stock Redis, unless they have some. */
export async function prepareOffers(stock: StockClient, offers: readonly Units[]): Promise<void> {
  await Promise.all(offers.map((offer) => prepareOfferStock(stock, offer, offer.capacity)));
}

/** Gives every offer on sale and every product of Postgres its units, unless it has some. */
export async function prepareStock(pool: Pool, stock: StockClient): Promise<void> {
  const [offers, products] = await Promise.all([
    pool.query<Units>('select offer_id as id, capacity, shards from offers where withdrawn_at is null'),
    pool.query<{ readonly id: number; readonly quantity: number }>(
      'select product_id as id, quantity from products',
    ),
  ]);
  await Promise.all([
    prepareOffers(stock, offers.rows),
    ...products.rows.map(({ id, quantity }) => prepareProductStock(stock, id, quantity)),
  ]);
}
