import { prepareOffer } from '@ropeline/core/stock/scripts.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { partitionOfOffer, partitionOfProduct } from '@ropeline/core/stock/stock-keys.ts';

/** Gives an offer its units unless it has some: stock that exists is never touched. */
export async function prepareOfferStock(
  stock: StockClient,
  offerId: number,
  capacity: number,
): Promise<void> {
  const keys = stock.keysOf(partitionOfOffer(offerId, stock.partitions));
  await stock.call(prepareOffer, [keys.epoch, keys.offer(offerId)], [capacity]);
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
