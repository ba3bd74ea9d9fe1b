/** What is sold. Counts, price and rules come from Postgres; how many are left is the stock Redis's to say. */
export type Offer = {
  readonly id: number;
  readonly kind: 'pool' | 'seats' | 'nights';
  readonly title: string;
  /** Units that may be sold and held together. */
  readonly capacity: number;
  /** Of one unit, in minor units of `currency` (ISO 4217). */
  readonly priceMinor: number;
  readonly currency: string;
  /** Whose entry tokens it takes. */
  readonly rooms: readonly string[];
  /** The room that is told its stock. */
  readonly stockRoom: string | null;
  /** Most units that one entry may hold and have bought; null = no limit. */
  readonly perEntry: number | null;
  /** Most units that one member may hold and have bought; null = no limit. */
  readonly perMember: number | null;
  /** Unix ms. */
  readonly createdAt: number;
};
