import { randomBytes } from 'node:crypto';

/**
 * A UUIDv7 whose last byte is the order's stock partition (0-255), so that an order is found by its id alone.
 * 66 random bits remain beside the millisecond.
 */
export function newOrderId(partition: number, now = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  bytes.writeUInt8(partition, 15);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Undefined when the text is not an order's id. */
export function partitionOfOrder(orderId: string): number | undefined {
  return orderIdPattern.test(orderId) ? Number.parseInt(orderId.slice(-2), 16) : undefined;
}

/** When the order was made, Unix ms by its service's clock; undefined when the text is not an order's id. */
export function timeOfOrder(orderId: string): number | undefined {
  return orderIdPattern.test(orderId)
    ? Number.parseInt(orderId.replace('-', '').slice(0, 12), 16)
    : undefined;
}

const orderIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
