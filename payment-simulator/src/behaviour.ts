import { type Static, Type } from 'typebox';

const share = { minimum: 0, maximum: 1 };

/** How the simulator treats new charges. The three shares are of all new charges and add up to at most 1. */
export const Behaviour = Type.Object(
  {
    latencyMs: Type.Integer({
      minimum: 0,
      maximum: 60_000,
      description: 'Delay of every answer of /charges',
    }),
    declineShare: Type.Number({ ...share, description: 'Declined: 402, for good' }),
    errorShare: Type.Number({ ...share, description: 'Answered 500, certainly not charged' }),
    hangShare: Type.Number({ ...share, description: 'Never answered; every second one is charged' }),
  },
  { additionalProperties: false },
);
export type Behaviour = Static<typeof Behaviour>;

export const harmless: Behaviour = { latencyMs: 0, declineShare: 0, errorShare: 0, hangShare: 0 };

export type Fate = 'paid' | 'declined' | 'error' | 'hang-paid' | 'hang-lost';

/** Decides what becomes of new charges; the same seed and behaviour give the same series. */
export class Fates {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next({ errorShare, hangShare, declineShare }: Behaviour): Fate {
    const drawn = this.#random();
    if (drawn < errorShare) return 'error';
    if (drawn < errorShare + hangShare) return this.#random() < 0.5 ? 'hang-paid' : 'hang-lost';
    return drawn < errorShare + hangShare + declineShare ? 'declined' : 'paid';
  }

  /** mulberry32 (Tommy Ettinger, public domain): 32 bits of state are plenty here. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
