import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { inTransaction } from '@ropeline/core/postgres/transaction.ts';
import { roomNights } from '../source-systems/room-nights.ts';

/** What the replaced systems sold, by the ids that they know it by. What exists is left as it is. */
export async function seedSourceSystems(pool: Pool): Promise<void> {
  await inTransaction(pool, async (client) => {
    // Whoever seeds at the same time would make a second set.
    await client.query('lock table source_offers in share row exclusive mode');
    await client.query(musicals);
    await client.query(rooms, [roomNights.first, roomNights.end, roomNights.timeZone]);
    await client.query(coupon);
  });
}

const musicals = `
  with missing as (
    select n from generate_series(1, 200) n
    where not exists (select from source_offers where kind = 'musical' and source_id = n)
  ), made as (
    insert into offers (kind, title, capacity, price_minor, currency, rooms, host_id)
    select 'seats', 'Musical ' || n, 140, 90000, 'KRW', '{demo}', 'host1' from missing order by n
    returning offer_id, split_part(title, ' ', 2)::integer as n
  ), named as (
    insert into source_offers (kind, source_id, offer_id) select 'musical', n, offer_id from made
  )
  insert into seats (offer_id, seat, section, price_minor, at)
  select offer_id, 'A' || at, 'stalls', 90000, at from made cross join generate_series(1, 140) at`;

const rooms = `
  with missing as (
    select n from generate_series(1, 10) n
    where not exists (select from source_offers where kind = 'room' and source_id = n)
  ), made as (
    insert into offers
      (kind, title, capacity, price_minor, currency, rooms, first_night, end_of_nights, time_zone, host_id)
    select 'nights', 'Room ' || n, $2::date - $1::date, 120000, 'KRW', '{demo}', $1::date, $2::date, $3, 'host1'
    from missing order by n
    returning offer_id, split_part(title, ' ', 2)::integer as n
  )
  insert into source_offers (kind, source_id, offer_id) select 'room', n, offer_id from made`;

/** The same number here and there. */
const coupon = `
  with made as (
    insert into offers (offer_id, kind, title, capacity, price_minor, currency, rooms, per_member, host_id)
    select 104, 'pool', '10 % off', 10000, 0, 'XXX', '{demo}', 1, 'host1'
    where not exists (select from source_offers where kind = 'coupon' and source_id = 104)
    returning offer_id
  ), terms as (
    insert into coupons (offer_id, valid_seconds) select offer_id, 365 * 86400 from made
  )
  insert into source_offers (kind, source_id, offer_id) select 'coupon', 104, offer_id from made`;
