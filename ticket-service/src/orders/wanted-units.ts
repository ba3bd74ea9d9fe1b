import { AppError } from '@ropeline/core/errors.ts';
import { nightsOf } from '../offers/night.ts';
import type { Offer } from '../offers/offer.ts';

/** What somebody asks for, as the offer's kind names it. */
export type WantedUnits =
  | { readonly quantity: number }
  | { readonly seats: readonly string[] }
  /** The nights `[from, to)`, `YYYY-MM-DD`. */
  | { readonly from: string; readonly to: string };

export type PricedUnits = {
  /** As an order keeps them: a count in digits, or names in a comma list. */
  readonly units: string;
  readonly quantity: number;
  readonly amountMinor: number;
};

export const mostNights = 90;

/** The units of an offer that are meant, and their price. Throws 400 `bad-request` when the offer has no such units. */
export function priceUnits(offer: Offer, wanted: WantedUnits): PricedUnits {
  const priced = price(offer, wanted);
  if (!Number.isSafeInteger(priced.amountMinor)) refuse('The amount is too large');
  return priced;
}

function price(offer: Offer, wanted: WantedUnits): PricedUnits {
  switch (offer.kind) {
    case 'pool': {
      if (!('quantity' in wanted)) return refuse('This offer is sold by quantity');
      const { quantity } = wanted;
      return { units: String(quantity), quantity, amountMinor: offer.priceMinor * quantity };
    }
    case 'seats':
      return 'seats' in wanted ? priceSeats(offer, wanted.seats) : refuse('This offer is sold by seats');
    case 'nights':
      return 'from' in wanted
        ? priceNights(offer, wanted.from, wanted.to)
        : refuse('This offer is sold by nights');
    default:
      return offer.kind satisfies never;
  }
}

/** In the order of their names, so that the same seats are the same wish. */
function priceSeats(offer: Offer, seats: readonly string[]): PricedUnits {
  const names = [...new Set(seats)].sort();
  if (names.length < seats.length) refuse('A seat is named twice');
  let amountMinor = 0;
  for (const name of names) {
    const seat = offer.seats.get(name);
    if (seat === undefined) return refuse(`There is no seat ${name}`);
    amountMinor += seat.priceMinor;
  }
  return { units: names.join(','), quantity: names.length, amountMinor };
}

function priceNights(offer: Offer, from: string, to: string): PricedUnits {
  const nights = nightsOf(from, to, mostNights);
  if (nights === undefined) return refuse(`A stay has 1 to ${mostNights} nights, from a date to a later one`);
  if (offer.nights === null || from < offer.nights.first || to > offer.nights.end)
    return refuse(`Nights from ${offer.nights?.first} to ${offer.nights?.end} can be booked`);
  return { units: nights.join(','), quantity: nights.length, amountMinor: offer.priceMinor * nights.length };
}

function refuse(detail: string): never {
  throw new AppError('bad-request', { detail });
}
