import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { LedgerFile } from './ledger-file.ts';

export const Charge = Type.Object(
  {
    reference: Type.String(),
    state: Type.Union([Type.Literal('paid'), Type.Literal('declined'), Type.Literal('refunded')]),
    amountMinor: Type.Integer({ description: 'Minor units of the currency' }),
    currency: Type.String(),
    at: Type.Integer({ description: 'Unix ms of the charge' }),
    refundedAt: Type.Optional(Type.Integer({ description: 'Unix ms' })),
  },
  {
    examples: [
      { reference: 'order-17:1', state: 'paid', amountMinor: 1_500, currency: 'KRW', at: 1_795_272_000_000 },
    ],
  },
);
export type Charge = Static<typeof Charge>;

export const Summary = Type.Object({
  paid: Type.Integer(),
  declined: Type.Integer(),
  refunded: Type.Integer(),
  /** Charged and not refunded, minor units per currency. */
  keptMinor: Type.Record(Type.String(), Type.Integer()),
});
export type Summary = Static<typeof Summary>;

/**
 * Every charge by its reference. A charge is `paid` or `declined` from its first moment; `paid` becomes `refunded`
 * at most once. What a caller was told survives a crash: methods resolve when the file has it.
 */
export class Ledger {
  readonly #file: LedgerFile;
  readonly #charges = new Map<string, Charge>();
  /** Charges whose last line is still on its way to the disk. */
  readonly #pending = new Map<string, Promise<void>>();

  private constructor(file: LedgerFile) {
    this.#file = file;
  }

  static async open(path: string): Promise<Ledger> {
    const { file, lines } = await LedgerFile.open(path);
    const ledger = new Ledger(file);
    for (const line of lines) {
      if (!Value.Check(Charge, line)) throw new Error(`${path} holds a line that is no charge`);
      ledger.#charges.set(line.reference, line);
    }
    return ledger;
  }

  /** The charge as it is on the disk; undefined when there is none. */
  async find(reference: string): Promise<Charge | undefined> {
    await this.#pending.get(reference);
    return this.#charges.get(reference);
  }

  /** True when the reference is taken, be it this moment. */
  has(reference: string): boolean {
    return this.#charges.has(reference);
  }

  /** Records a charge; the reference must be free. */
  charge(charge: Charge): Promise<void> {
    return this.#record(charge);
  }

  /** Refunds a paid charge once; a repeat answers the same. No charge when there is nothing to refund. */
  async refund(reference: string): Promise<{ readonly charge: Charge | undefined; readonly isNew: boolean }> {
    const known = this.#charges.get(reference);
    const isNew = known?.state === 'paid';
    if (isNew) await this.#record({ ...known, state: 'refunded', refundedAt: Date.now() });
    const found = await this.find(reference);
    return { charge: found?.state === 'refunded' ? found : undefined, isNew };
  }

  summary(): Summary {
    const counts = { paid: 0, declined: 0, refunded: 0 };
    const keptMinor: Record<string, number> = {};
    for (const { state, amountMinor, currency } of this.#charges.values()) {
      counts[state] += 1;
      if (state === 'paid') keptMinor[currency] = (keptMinor[currency] ?? 0) + amountMinor;
    }
    return { ...counts, keptMinor };
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Known to all from this moment, so that two requests cannot both be first; told to nobody before it is durable. */
  #record(charge: Charge): Promise<void> {
    const { reference } = charge;
    this.#charges.set(reference, charge);
    const written = this.#file.append(charge).finally(() => {
      if (this.#pending.get(reference) === written) this.#pending.delete(reference);
    });
    this.#pending.set(reference, written);
    return written;
  }
}
