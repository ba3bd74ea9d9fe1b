import type { Pool } from '@ropeline/core/postgres/connect.ts';

export type MapSeat = {
  readonly seatName: string;
  readonly section: string;
  readonly priceMinor: number;
  readonly reserved: boolean;
};

/** The seats of an offer, in the map's order, as Postgres has them: a moment behind Redis. */
export async function readSeatMap(pool: Pool, offerId: number): Promise<MapSeat[]> {
  const { rows } = await pool.query<MapSeat>(
    `select seat as "seatName", section, price_minor::float8 as "priceMinor",
       order_units.unit is not null as reserved
     from seats left join order_units on order_units.offer_id = seats.offer_id and order_units.unit = seats.seat
     where seats.offer_id = $1
     order by seats.at`,
    [offerId],
  );
  return rows;
}
