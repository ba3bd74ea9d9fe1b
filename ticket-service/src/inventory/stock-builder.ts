import { randomBytes } from 'node:crypto';
import { beginBuild, buildStock } from '@ropeline/core/stock/scripts.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';

/** A command that writes one key, and what it is given beside it. */
export type Write = readonly [
  command: 'HSET' | 'INCRBY' | 'PEXPIRE' | 'SET' | 'UNLINK' | 'ZADD',
  key: string,
  ...words: (string | number)[],
];

/** Others of this Redis must not wait long for one call, and a call with a hundred thousand words cannot be made. */
const mostWordsInOneCall = 10_000;

/**
 * Writes a stock anew, in partitions that nobody sells from meanwhile. Of several builders only the one that began last
 * can write, and none once the stock is open; every call is refused otherwise, by Redis, and throws. So it does no
 * harm that a builder lost its lock in Postgres and does not know.
 */
export class StockBuilder {
  readonly stock: StockClient;
  readonly #id = randomBytes(8).toString('hex');

  private constructor(stock: StockClient) {
    this.stock = stock;
  }

  /** Shuts the stock; `lost`: its epochs as they were when it was found to be lost. */
  static async begin(stock: StockClient, lost: readonly (string | null)[]): Promise<StockBuilder> {
    const builder = new StockBuilder(stock);
    for (const [partition, { epoch, builder: key }] of stock.keys.entries()) {
      const words = [builder.#id, lost[partition] ?? ''];
      requireDone(await beginBuild.call(stock.redis, [epoch, key], words));
    }
    return builder;
  }

  /** In the order given; a key is of this partition. */
  async write(partition: number, writes: readonly Write[]): Promise<void> {
    const { epoch, builder } = this.stock.keysOf(partition);
    for (const page of inCalls(writes)) {
      const reply = await buildStock.call(
        this.stock.redis,
        [epoch, builder, ...page.map(([, key]) => key)],
        [this.#id, ...page.flatMap(([command, , ...words]) => [command, words.length, ...words])],
      );
      requireDone(reply);
    }
  }

  /** Begins the new life of the stock: the last that is written. */
  async open(epoch: string): Promise<void> {
    for (const [partition, keys] of this.stock.keys.entries())
      await this.write(partition, [['SET', keys.epoch, epoch]]);
  }
}

/** In their order, as many in a call as it takes; one that is too long by itself has a call of its own. */
function inCalls(writes: readonly Write[]): readonly (readonly Write[])[] {
  const calls: Write[][] = [];
  let words = mostWordsInOneCall;
  for (const write of writes) {
    // How many words follow is a word, too.
    words += write.length + 1;
    if (words > mostWordsInOneCall) {
      calls.push([]);
      words = write.length + 1;
    }
    calls.at(-1)?.push(write);
  }
  return calls;
}

function requireDone([code]: readonly (string | number)[]): void {
  if (code !== 1) throw new Error('the stock is built by somebody else');
}
