import { randomFillSync } from 'node:crypto';

const idBytes = 16;
const pool = Buffer.allocUnsafe(idBytes * 256);
let used = pool.length;

/** A visitor id nobody can guess: 128 random bits, 22 characters. Drawn 256 at a time, a draw costs a system call. */
export function newVisitorId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += idBytes;
  return pool.toString('base64url', used - idBytes, used);
}
