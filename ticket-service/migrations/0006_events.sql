-- Up Migration

-- Services may be running: tables are locked in the order in which they lock them, with what all that runs in this
-- transaction needs of them.
lock table offers in access exclusive mode;
lock table orders in share row exclusive mode;
lock table payments in access exclusive mode;

-- What happened, one row a change, written in the transaction that writes the change down. A row never changes.
-- (correlation_id, aggregate, version) is the event's id: a repeat writes nothing. Readers go by (xact, position) and
-- stop before the oldest transaction that is still open, so a commit that comes late is never passed over.
create table events (
  correlation_id text collate "C" not null,
  aggregate text collate "C" not null,
  version integer not null check (version >= 1),
  type text not null,
  schema_version integer not null check (schema_version >= 1),
  occurred_at timestamptz not null,
  recorded_at timestamptz not null default now(),
  xact xid8 not null default pg_current_xact_id(),
  position bigint generated always as identity,
  data jsonb not null,
  primary key (correlation_id, aggregate, version)
);
create index events_in_order on events (xact, position);
-- Small: rows lie in the order of their time. For archiving.
create index events_recorded on events using brin (recorded_at);

-- How far each consumer is. It moves in the transaction of the consumer's effect.
create table event_cursors (
  consumer text primary key,
  xact xid8 not null default '0',
  position bigint not null default 0,
  updated_at timestamptz not null default now()
);

-- How many events of a type there have been; counted by a consumer.
create table event_tallies (
  type text primary key,
  events bigint not null
);

-- Orders emit theirs as their outbox is persisted: one for every version, also of those that a chunk collapses.
-- Payments, offers and stock change in Postgres only, so triggers emit theirs: no statement can forget it.

create function emit_event(
  correlation text, aggregate text, version integer, type text, occurred timestamptz, data jsonb
) returns void language sql as $$
  insert into events (correlation_id, aggregate, version, type, schema_version, occurred_at, data)
  values (correlation, aggregate, version, type, 1, occurred, data) on conflict do nothing
$$;

-- Grows with every change of the state.
alter table payments add column version integer not null default 1;

create function count_payment_version() returns trigger language plpgsql as $$
begin
  new.version := old.version + 1;
  return new;
end $$;

create function emit_payment() returns trigger language plpgsql as $$
begin
  perform emit_event(new.order_id::text, 'payment-' || new.attempt, new.version,
    case new.state
      when 'pending' then 'payment.begun'
      when 'paid' then 'payment.paid'
      when 'declined' then 'payment.declined'
      when 'unknown' then 'payment.unknown'
      when 'refund-due' then 'refund.due'
      when 'refunded' then 'refund.made'
    end,
    clock_timestamp(),
    jsonb_build_object('orderId', new.order_id, 'attempt', new.attempt, 'reference', new.reference,
      'state', new.state, 'amountMinor', new.amount_minor, 'currency', new.currency));
  return null;
end $$;

create trigger payments_version before update on payments for each row
  when (old.state is distinct from new.state) execute function count_payment_version();
create trigger payments_emit_inserted after insert on payments for each row execute function emit_payment();
create trigger payments_emit_updated after update on payments for each row
  when (old.state is distinct from new.state) execute function emit_payment();

-- Grows with every change of what there is or of what is taken; `offers.version` with every other change.
alter table offers add column stock_version integer not null default 0;

create function count_stock_version() returns trigger language plpgsql as $$
begin
  new.stock_version := case tg_op when 'INSERT' then 1 else old.stock_version + 1 end;
  return new;
end $$;

create function emit_stock() returns trigger language plpgsql as $$
begin
  perform emit_event('offer:' || new.offer_id, 'stock', new.stock_version, 'stock.changed', clock_timestamp(),
    jsonb_build_object('offerId', new.offer_id, 'capacity', new.capacity, 'taken', new.taken));
  return null;
end $$;

create function emit_offer() returns trigger language plpgsql as $$
begin
  perform emit_event('offer:' || new.offer_id, 'offer', new.version,
    case
      when tg_op = 'INSERT' then 'offer.created'
      when old.withdrawn_at is null and new.withdrawn_at is not null then 'offer.withdrawn'
      else 'offer.changed'
    end,
    clock_timestamp(),
    jsonb_build_object('offerId', new.offer_id, 'kind', new.kind, 'title', new.title, 'capacity', new.capacity,
      'priceMinor', new.price_minor, 'currency', new.currency, 'rooms', new.rooms, 'stockRoom', new.stock_room,
      'hostId', new.host_id, 'isWithdrawn', new.withdrawn_at is not null));
  return null;
end $$;

create trigger offers_stock_version_inserted before insert on offers
  for each row execute function count_stock_version();
create trigger offers_stock_version_updated before update on offers for each row
  when (old.capacity <> new.capacity or old.taken <> new.taken) execute function count_stock_version();
create trigger offers_emit_stock_inserted after insert on offers for each row execute function emit_stock();
create trigger offers_emit_stock_updated after update on offers for each row
  when (old.capacity <> new.capacity or old.taken <> new.taken) execute function emit_stock();
create trigger offers_emit_inserted after insert on offers for each row execute function emit_offer();
create trigger offers_emit_updated after update on offers for each row
  when (old.version <> new.version) execute function emit_offer();

-- Down Migration

drop trigger offers_emit_updated on offers;
drop trigger offers_emit_inserted on offers;
drop trigger offers_emit_stock_updated on offers;
drop trigger offers_emit_stock_inserted on offers;
drop trigger offers_stock_version_updated on offers;
drop trigger offers_stock_version_inserted on offers;
drop trigger payments_emit_updated on payments;
drop trigger payments_emit_inserted on payments;
drop trigger payments_version on payments;
drop function emit_offer(), emit_stock(), count_stock_version(), emit_payment(), count_payment_version();
drop function emit_event(text, text, integer, text, timestamptz, jsonb);
alter table offers drop column stock_version;
alter table payments drop column version;
drop table event_tallies, event_cursors, events;
