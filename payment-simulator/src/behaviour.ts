import { type Static, Type } from 'typebox';
import { type Chance, chanceFrom } from './chance.ts';

const share = { minimum: 0, maximum: 1 };

/** How the simulator treats new charges, and how it calls back. The shares of new charges add up to at most 1. */
export const Behaviour = Type.Object(
  {
    latencyMs: Type.Integer({
      minimum: 0,
      maximum: 60_000,
      description: 'Delay of every answer to a charge, after it was decided',
    }),
    declineShare: Type.Number({ ...share, description: 'Declined: 402, for good' }),
    errorShare: Type.Number({ ...share, description: 'Answered 500, certainly not charged' }),
    hangShare: Type.Number({ ...share, description: 'Never answered; every second one is charged' }),
    resetShare: Type.Number({ ...share, description: 'Charged, and then the connection is cut' }),
    lateShare: Type.Number({ ...share, description: 'Charged and answered only after `lateMs`' }),
    lateMs: Type.Integer({ minimum: 0, maximum: 60_000, description: 'Longer than callers wait' }),
    refundFailShare: Type.Number({ ...share, description: 'Refunds that fail; every second one is made' }),
    callbackDelayMs: Type.Integer({
      minimum: 0,
      maximum: 600_000,
      description: 'Each callback leaves after a random time up to this, so that they overtake each other',
    }),
    callbackDuplicateShare: Type.Number({ ...share, description: 'Of callbacks that are sent twice' }),
    callbackLossShare: Type.Number({ ...share, description: 'Of callbacks that are never sent' }),
  },
  { additionalProperties: false },
);
export type Behaviour = Static<typeof Behaviour>;

export const harmless: Behaviour = {
  latencyMs: 0,
  declineShare: 0,
  errorShare: 0,
  hangShare: 0,
  resetShare: 0,
  lateShare: 0,
  lateMs: 10_000,
  refundFailShare: 0,
  callbackDelayMs: 1_000,
  callbackDuplicateShare: 0,
  callbackLossShare: 0,
};

/** The shares that a new charge falls into. */
export const fateShares = ['errorShare', 'hangShare', 'declineShare', 'resetShare', 'lateShare'] as const;

export type Fate = 'paid' | 'declined' | 'error' | 'hang-paid' | 'hang-lost' | 'reset-paid' | 'late-paid';

export type RefundFate = 'made' | 'made-unanswered' | 'failed';

/** Decides what becomes of new charges and of refunds; the same seed and behaviour give the same series. */
export class Fates {
  readonly #chance: Chance;
  readonly #refundChance: Chance;

  constructor(seed: number) {
    this.#chance = chanceFrom(seed);
    // A series of its own: how many refunds there are must not change what becomes of charges.
    this.#refundChance = chanceFrom(seed + 2);
  }

  nextRefund({ refundFailShare }: Behaviour): RefundFate {
    if (this.#refundChance() >= refundFailShare) return 'made';
    return this.#refundChance() < 0.5 ? 'made-unanswered' : 'failed';
  }

  next(behaviour: Behaviour): Fate {
    let drawn = this.#chance();
    const fallen = fateShares.find((name) => {
      if (drawn < behaviour[name]) return true;
      drawn -= behaviour[name];
      return false;
    });
    switch (fallen) {
      case 'errorShare':
        return 'error';
      case 'hangShare':
        return this.#chance() < 0.5 ? 'hang-paid' : 'hang-lost';
      case 'declineShare':
        return 'declined';
      case 'resetShare':
        return 'reset-paid';
      case 'lateShare':
        return 'late-paid';
      case undefined:
        return 'paid';
      default:
        return fallen satisfies never;
    }
  }
}
