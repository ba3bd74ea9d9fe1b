import { StockClient } from '@ropeline/core/stock/stock-client.ts';
import { openStockRedis } from './stock-redis.ts';

/** The stock of a running service, by a connection of the test's own. */
export async function openStock(redisUrl: string): Promise<StockClient> {
  const stock = await StockClient.open(await openStockRedis(redisUrl));
  if (stock === undefined) throw new Error('the stock is not open');
  return stock;
}
