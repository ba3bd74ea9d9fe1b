-- Up Migration

-- The last line against overselling: whatever Redis, a worker or a hand on psql says, an offer cannot have more
-- units in RESERVED, PAYING and COMPLETED orders than it has at all. Only the triggers below write `taken`.
alter table offers
  add column taken integer not null default 0,
  add constraint offers_never_oversold check (taken between 0 and capacity);

-- No foreign key to members: the technical members of the source routes have no row. None to offers: the triggers
-- look for the offer's row anyway and refuse when there is none, once per statement and not once per order.
create table orders (
  order_id uuid primary key,
  version integer not null check (version >= 1),
  state text not null check (state in ('RESERVED', 'PAYING', 'COMPLETED', 'CANCELLED', 'EXPIRED')),
  offer_id integer not null,
  member_id text not null,
  units text not null,
  quantity integer not null check (quantity >= 1),
  taken integer not null generated always as
    (case when state in ('RESERVED', 'PAYING', 'COMPLETED') then quantity else 0 end) stored,
  amount_minor bigint not null check (amount_minor >= 0),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  attempt integer not null check (attempt >= 0),
  entry text not null,
  idempotency_key text not null,
  body_hash text not null,
  hold_until timestamptz not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

-- One order per key, for ever; orders of the source routes have no key.
create unique index orders_idempotency on orders (member_id, offer_id, idempotency_key)
  where idempotency_key <> '';
create index orders_of_member on orders (member_id, created_at desc);

-- Adds up what one statement changed: one row update per offer, whatever the number of orders.
create function count_taken_units() returns trigger language plpgsql as $$
declare
  changed integer[];
  deltas bigint[];
  counted integer;
begin
  if tg_op = 'INSERT' then
    select array_agg(offer_id), array_agg(delta) into changed, deltas
    from (select offer_id, sum(taken) as delta from new_rows group by offer_id) as sums where delta <> 0;
  elsif tg_op = 'UPDATE' then
    select array_agg(offer_id), array_agg(delta) into changed, deltas
    from (
      select offer_id, sum(taken) as delta
      from (select offer_id, taken from new_rows union all select offer_id, -taken from old_rows) as both_sides
      group by offer_id
    ) as sums where delta <> 0;
  else
    select array_agg(offer_id), array_agg(-delta) into changed, deltas
    from (select offer_id, sum(taken) as delta from old_rows group by offer_id) as sums where delta <> 0;
  end if;
  if changed is null then return null; end if;

  update offers set taken = offers.taken + sums.delta
  from unnest(changed, deltas) as sums (offer_id, delta) where offers.offer_id = sums.offer_id;
  get diagnostics counted = row_count;
  if counted <> cardinality(changed) then
    raise exception 'an order takes units of an offer that does not exist, one of %', changed
      using errcode = 'foreign_key_violation';
  end if;
  return null;
end $$;

create trigger orders_count_inserted after insert on orders
  referencing new table as new_rows for each statement execute function count_taken_units();
create trigger orders_count_updated after update on orders
  referencing old table as old_rows new table as new_rows for each statement execute function count_taken_units();
create trigger orders_count_deleted after delete on orders
  referencing old table as old_rows for each statement execute function count_taken_units();

-- Money is decided here. The row is written in one transaction with the order's PAYING version, before the provider
-- is asked; (order, attempt) is the provider's idempotency key and stands in `reference`.
create table payments (
  order_id uuid not null references orders,
  attempt integer not null check (attempt >= 1),
  state text not null default 'pending'
    check (state in ('pending', 'paid', 'declined', 'unknown', 'refund-due', 'refunded')),
  reference text not null unique,
  amount_minor bigint not null check (amount_minor >= 0),
  currency text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (order_id, attempt)
);
create index payments_open on payments (updated_at) where state in ('pending', 'unknown', 'refund-due');

-- Everything of a partition's outbox up to this stream id is in Postgres, or is a dead letter.
create table outbox_watermarks (
  partition integer primary key,
  ms bigint not null default 0,
  seq bigint not null default 0,
  updated_at timestamptz not null default now()
);

-- What could not be persisted though all before it was. `next_try_at` null: no more tries without an operator.
create table dead_letters (
  id bigint generated always as identity primary key,
  queue text not null,
  subject text not null,
  payload jsonb not null,
  error text not null,
  attempts integer not null default 1,
  created_at timestamptz not null default now(),
  next_try_at timestamptz,
  redriven_at timestamptz,
  unique (queue, subject)
);
create index dead_letters_open on dead_letters (id) where redriven_at is null;

-- Down Migration

drop table dead_letters, outbox_watermarks, payments, orders;
drop function count_taken_units();
alter table offers drop column taken;
