-- Up Migration

-- Offers of kind `nights`: the nights that can be booked, [first_night, end_of_nights), dates in the hotel's zone.
alter table offers
  add column first_night date,
  add column end_of_nights date,
  add column time_zone text,
  add column shards integer not null default 1 check (shards between 1 and 64),
  -- Grows with every change; what is derived from an offer is then stale.
  add column version integer not null default 1,
  add column withdrawn_at timestamptz,
  add constraint offers_only_pools_have_shards check (shards = 1 or kind = 'pool'),
  add constraint offers_nights check ((kind = 'nights') = (first_night is not null and end_of_nights is not null)),
  add constraint offers_nights_in_order check (first_night < end_of_nights),
  add constraint offers_nights_counted check (kind <> 'nights' or capacity = end_of_nights - first_night);

-- The seat map of offers of kind `seats`.
create table seats (
  offer_id integer not null references offers on delete cascade,
  seat text not null check (seat ~ '^[A-Za-z][A-Za-z0-9-]{0,15}$'),
  section text not null check (length(section) between 1 and 60),
  price_minor bigint not null check (price_minor between 0 and 9007199254740991),
  -- Order in which maps show them.
  at integer not null,
  primary key (offer_id, seat)
);

-- The last line for units with names: one order each. Only the triggers below write it.
create table order_units (
  offer_id integer not null,
  unit text not null,
  order_id uuid not null references orders on delete cascade,
  primary key (offer_id, unit)
);
create index order_units_of_order on order_units (order_id);

alter table orders
  -- A pool's units are digits; names begin with a letter (a seat) or have dashes (a night).
  add column named boolean not null generated always as (units !~ '^[0-9]+$') stored,
  add constraint orders_units_counted check (
    case when units ~ '^[0-9]+$' then units = quantity::text
    else cardinality(string_to_array(units, ',')) = quantity end
  );

-- Refuses a name that is no unit of the offer: an unknown seat, a night that is not for sale.
create function check_unit_names(given_offers integer[], given_units text[]) returns void language plpgsql as $$
declare
  wrong text;
begin
  select given.offer_id || ' ' || given.unit into wrong
  from unnest(given_offers, given_units) as given (offer_id, unit)
  join offers using (offer_id)
  left join seats on seats.offer_id = given.offer_id and seats.seat = given.unit
  where case offers.kind
    when 'seats' then seats.seat is null
    when 'nights' then given.unit !~ '^\d{4}-\d{2}-\d{2}$'
      or given.unit < to_char(offers.first_night, 'YYYY-MM-DD') or given.unit >= to_char(offers.end_of_nights, 'YYYY-MM-DD')
    else true end
  limit 1;
  if wrong is not null then
    raise exception 'no such unit: %', wrong using errcode = 'foreign_key_violation';
  end if;
end $$;

create function keep_named_units() returns trigger language plpgsql as $$
declare
  given_offers integer[];
  given_units text[];
  given_orders uuid[];
begin
  if not exists (select 1 from new_rows where named) then return null; end if;
  delete from order_units using new_rows
  where order_units.order_id = new_rows.order_id and new_rows.named and new_rows.taken = 0;
  select array_agg(offer_id), array_agg(unit), array_agg(order_id) into given_offers, given_units, given_orders
  from (
    select offer_id, unit, order_id
    from new_rows cross join unnest(string_to_array(units, ',')) as unit
    where named and taken > 0
    except
    select offer_id, unit, order_id from order_units where order_id in (select order_id from new_rows where named)
  ) as missing;
  if given_units is null then return null; end if;
  perform check_unit_names(given_offers, given_units);
  insert into order_units (offer_id, unit, order_id)
  select * from unnest(given_offers, given_units, given_orders);
  return null;
end $$;

create trigger orders_names_inserted after insert on orders
  referencing new table as new_rows for each statement execute function keep_named_units();
create trigger orders_names_updated after update on orders
  referencing new table as new_rows for each statement execute function keep_named_units();

-- Down Migration

drop trigger orders_names_inserted on orders;
drop trigger orders_names_updated on orders;
drop function keep_named_units();
drop function check_unit_names(integer[], text[]);
alter table orders drop constraint orders_units_counted, drop column named;
drop table order_units, seats;
alter table offers
  drop constraint offers_nights, drop constraint offers_nights_in_order, drop constraint offers_nights_counted,
  drop constraint offers_only_pools_have_shards, drop column shards, drop column version, drop column withdrawn_at,
  drop column first_night, drop column end_of_nights, drop column time_zone;
