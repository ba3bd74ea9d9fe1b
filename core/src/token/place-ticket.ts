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

/** A secret, and in Unix ms when it begins to sign: every gateway must know it by then. */
export type PlaceSecret = { readonly secret: string; readonly signsFrom: number };

type LoadedSecret = PlaceSecret & { readonly id: string };

/**
 * Signs and checks place tickets (HMAC-SHA256). The first secret whose time has come signs, all verify, so a rotation
 * loses nobody.
 * Text: `v1.kid.room.run.epoch.epochId.visitor.lane.score.issuedAt.mac`; fits a cookie and a subprotocol name.
 */
export class PlaceTickets {
  #secrets: readonly LoadedSecret[] = [];
  #generation = 0;

  constructor(secrets: readonly (string | PlaceSecret)[]) {
    this.use(secrets);
  }

  /** Replaces all secrets at once. Throws when there is none. */
  use(secrets: readonly (string | PlaceSecret)[]): void {
    if (secrets.length === 0) throw new Error('PlaceTickets needs at least one secret');
    this.#secrets = secrets.map((given) => {
      const { secret, signsFrom } = typeof given === 'string' ? { secret: given, signsFrom: 0 } : given;
      return { secret, signsFrom, id: keyId(secret) };
    });
    this.#generation += 1;
  }

  /** Grows with every change of the secrets: what was verified before may be refused now. */
  get generation(): number {
    return this.#generation;
  }

  sign(place: PlaceTicket): string {
    const { room, run, epoch, epochId, visitor, lane, score, issuedAt } = place;
    const { id, secret } = this.#signing();
    const text = `v1.${id}.${room}.${run}.${epoch}.${epochId}.${visitor}.${lane}.${score}.${issuedAt}`;
    return `${text}.${mac(secret, text)}`;
  }

  /** Whether the ticket was signed by the secret that signs now: who shows another one should get a fresh ticket. */
  isCurrent(ticket: string): boolean {
    return ticket.startsWith(`v1.${this.#signing().id}.`);
  }

  /** The ticket's content, or undefined when it is forged, damaged or signed by a key that was taken out. */
  verify(ticket: string): PlaceTicket | undefined {
    const end = ticket.lastIndexOf('.');
    if (end < 0 || ticket.length > 512) return undefined;
    const text = ticket.slice(0, end);
    const fields = text.split('.');
    const [version, kid, room, run, epoch, epochId, visitor, lane, score, issuedAt] = fields;
    const key = this.#secrets.find(({ id }) => id === kid);
    if (fields.length !== fieldCount || version !== 'v1' || key === undefined) return undefined;
    const expected = Buffer.from(mac(key.secret, text));
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

  #signing(): LoadedSecret {
    const [first] = this.#secrets;
    if (first !== undefined && first.signsFrom === 0) return first;
    const now = Date.now();
    return this.#secrets.find(({ signsFrom }) => signsFrom <= now) ?? (this.#secrets.at(-1) as LoadedSecret);
  }
}

function mac(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
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
