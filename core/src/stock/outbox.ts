import { Compile } from 'typebox/compile';
import { OrderRecord, orderFields } from './order-record.ts';
import { cutOutboxRange, trimOutbox } from './scripts.ts';
import type { StockClient } from './stock-client.ts';

/** A stretch of a partition's outbox, cut once and for all; `first` and `last` are stream ids, both within. */
export type OutboxRange = {
  readonly partition: number;
  /** From 1, without gaps, in the order of the stream. */
  readonly range: number;
  readonly first: string;
  readonly last: string;
  readonly entries: number;
};

/**
 * The next range to hand on, undefined when nothing is waiting. Until `handedOn` is the number of the last range
 * that was cut, that one is answered again, to whoever asks: handing a range on may happen twice, never not at all.
 */
export async function cutRange(
  stock: StockClient,
  partition: number,
  handedOn: number,
  most: number,
): Promise<OutboxRange | undefined> {
  const { epoch, outbox, cursor } = stock.keysOf(partition);
  const reply = await stock.call(cutOutboxRange, [epoch, outbox, cursor], [handedOn, most]);
  if (reply[0] !== 1) return undefined;
  const [, range, first, last, entries] = reply;
  return {
    partition,
    range: Number(range),
    first: String(first),
    last: String(last),
    entries: Number(entries),
  };
}

/** Drops a range and all before it, once Postgres has them. */
export async function trimRange(stock: StockClient, { partition, range, last }: OutboxRange): Promise<void> {
  const { epoch, outbox, cursor } = stock.keysOf(partition);
  await stock.call(trimOutbox, [epoch, outbox, cursor], [range, last]);
}

const check = Compile(OrderRecord);
const numeric = new Set<string>(
  orderFields.filter((name) => (OrderRecord.properties[name] as { type?: string }).type === 'integer'),
);

/** An order from the text fields of a hash or a stream entry; undefined when something is missing or wrong. */
export function decodeOrder(fields: Readonly<Record<string, string | undefined>>): OrderRecord | undefined {
  const order: Record<string, unknown> = {};
  for (const name of orderFields) {
    const text = fields[name];
    order[name] = numeric.has(name) && text !== undefined && text !== '' ? Number(text) : text;
  }
  return check.Check(order) ? order : undefined;
}
