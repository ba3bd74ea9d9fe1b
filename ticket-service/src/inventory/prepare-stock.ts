import { prepareOffer } from '@ropeline/core/stock/scripts.ts';
import { partitionsOf, type Sharded, shareOf } from '@ropeline/core/stock/shards.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { partitionOfProduct } from '@ropeline/core/stock/stock-keys.ts';

/** Gives an offer its units unless it has some: stock that exists is never touched. */
export async function prepareOfferStock(stock: StockClient, offer: Sharded, capacity: number): Promise<void> {
  const partitions = partitionsOf(offer, stock.partitions);
  await Promise.all(
    partitions.map((partition, at) => {
      const keys = stock.keysOf(partition);
      const share = shareOf(capacity, partitions.length, at);
      return stock.call(prepareOffer, [keys.epoch, keys.offer(offer.id)], [share]);
    }),
  );
}

/** The same for a product of the stock API. */
export async function prepareProductStock(
  stock: StockClient,
  productId: number,
  quantity: number,
): Promise<void> {
  const keys = stock.keysOf(partitionOfProduct(productId, stock.partitions));
  await stock.call(prepareOffer, [keys.epoch, keys.product(productId)], [quantity]);
}
