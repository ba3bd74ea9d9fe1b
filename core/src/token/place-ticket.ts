import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** What a place ticket says. Opaque to clients: its form may change, its HMAC may not be forged. */
export type PlaceTicket = {
  readonly room: string;
  readonly run: number;
  /** E of the epoch, and the epoch's random id. */
  readonly epoch: number;
  readonly epochId: string;
  readonly visitor: string;
  readonly lane: string;
  /** Decimal string of an integer below 2^53, or `drawn`. */
  readonly score: string;
  /** Unix seconds. */
  readonly issuedAt: number;
};

const fieldCount = 10;

/**
 * Signs and checks place tickets (HMAC-SHA256). The first secret signs, all verify, so a rotation loses nobody.
 * Text: `v1.kid.room.run.epoch.epochId.visitor.lane.score.issuedAt.mac`; fits a cookie and a subprotocol name.
 */
export class PlaceTickets {
  readonly #secrets = new Map<string, string>();
  readonly #signingId: string;

  constructor(secrets: readonly string[]) {
    for (const secret of secrets) this.#secrets.set(keyId(secret), secret);
    const [first] = this.#secrets.keys();
    if (first === undefined) throw new Error('PlaceTickets needs at least one secret');
    this.#signingId = first;
  }

  sign(place: PlaceTicket): string {
    const { room, run, epoch, epochId, visitor, lane, score, issuedAt } = place;
    const text = `v1.${this.#signingId}.${room}.${run}.${epoch}.${epochId}.${visitor}.${lane}.${score}.${issuedAt}`;
    return `${text}.${this.#mac(this.#signingId, text)}`;
  }

  /** The ticket's content, or undefined when it is forged, damaged or signed by a key that was taken out. */
  verify(ticket: string): PlaceTicket | undefined {
    const end = ticket.lastIndexOf('.');
    if (end < 0 || ticket.length > 512) return undefined;
    const text = ticket.slice(0, end);
    const fields = text.split('.');
    const [version, kid, room, run, epoch, epochId, visitor, lane, score, issuedAt] = fields;
    if (fields.length !== fieldCount || version !== 'v1' || kid === undefined || !this.#secrets.has(kid))
      return undefined;
    const expected = Buffer.from(this.#mac(kid, text));
    const given = Buffer.from(ticket.slice(end + 1));
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined;
    return {
      room: room as string,
      run: Number(run),
      epoch: Number(epoch),
      epochId: epochId as string,
      visitor: visitor as string,
      lane: lane as string,
      score: score as string,
      issuedAt: Number(issuedAt),
    };
  }

  #mac(kid: string, text: string): string {
    return createHmac('sha256', this.#secrets.get(kid) as string)
      .update(text)
      .digest('base64url');
  }
}

/** Eight characters that name a secret without telling it. */
function keyId(secret: string): string {
  return createHash('sha256')
    .update('ropeline place key')
    .update(secret)
    .digest('base64url')
    .slice(0, 8)
    .replaceAll('.', '_');
}
