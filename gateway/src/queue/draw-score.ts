import { createHash, createHmac } from 'node:crypto';

/** Drawn places lie below this score, arrivals from it on. */
export const drawnBelow = 2 ** 52;

/** In place of the score of a visitor who is to be drawn, until the draw is made. */
export const unscored = -1;

/** What is public before the first join: SHA-256 of the seed's bytes, hex. */
export function commitmentOf(seed: string): string {
  return createHash('sha256').update(Buffer.from(seed, 'hex')).digest('hex');
}

/** Key of the draw: the seed's bytes, or SHA-256 of them followed by the beacon's UTF-8. */
export function drawKey(seed: string, beacon: string | undefined): Buffer {
  const bytes = Buffer.from(seed, 'hex');
  return beacon === undefined ? bytes : createHash('sha256').update(bytes).update(beacon, 'utf8').digest();
}

/** A visitor's score: the first 52 bits, big-endian, of HMAC-SHA256(key, visitor). */
export function drawnScore(key: Buffer, visitor: string): number {
  const mac = createHmac('sha256', key).update(visitor, 'utf8').digest();
  // 32 bits and 20 more; a double holds all 52.
  return mac.readUInt32BE(0) * 2 ** 20 + (mac.readUInt32BE(4) >>> 12);
}

/** The hash of the participants' list: SHA-256 over lines `lane:visitor`, ascending by their bytes, each ended by LF. */
export class ParticipantsHash {
  readonly #hash = createHash('sha256');

  /** In ascending order. */
  add(members: readonly string[]): void {
    if (members.length > 0) this.#hash.update(`${members.join('\n')}\n`, 'utf8');
  }

  hex(): string {
    return this.#hash.digest('hex');
  }
}
