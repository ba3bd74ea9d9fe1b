import { Value } from 'typebox/value';
import { OrderRecord } from '../stock/order-record.ts';
import { decodeOrder } from '../stock/outbox.ts';
import { parseStreamId, type StreamId } from './stream-id.ts';

/** An entry of the outbox stream; what is not a whole order is a value too, so that it cannot stop its neighbours. */
export type OutboxEntry =
  | { readonly kind: 'order'; readonly id: StreamId; readonly order: OrderRecord }
  | {
      readonly kind: 'unreadable';
      readonly id: StreamId;
      readonly fields: Readonly<Record<string, string>>;
    };

/** Reads an entry as Redis gives it: its id and its fields, flat. */
export function decodeOutboxEntry(id: string, flat: readonly string[]): OutboxEntry {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) fields[flat[at] as string] = flat[at + 1] as string;
  const order = decodeOrder(fields);
  return order === undefined
    ? { kind: 'unreadable', id: parseStreamId(id), fields }
    : { kind: 'order', id: parseStreamId(id), order };
}

/** The order in a payload that was stored as JSON; undefined when it is none. */
export function orderOfPayload(payload: unknown): OrderRecord | undefined {
  return Value.Check(OrderRecord, payload) ? payload : undefined;
}
