-- Up Migration

-- Ids of the replaced systems, each kind in a space of its own.
create table source_offers (
  kind text not null check (kind in ('ticket', 'musical', 'room', 'coupon')),
  source_id integer not null check (source_id > 0),
  offer_id integer not null references offers on delete cascade,
  primary key (kind, source_id)
);
create sequence source_room_ids as integer start 11;

-- What the hotel system calls a book: an order of nights, with a number and with words of the caller's that mean
-- nothing here. It is there while its order is PAYING or COMPLETED. No foreign key: the row may be there first.
create table source_books (
  book_id integer primary key generated always as identity,
  order_id uuid not null unique,
  room_id integer not null,
  start_date date not null,
  end_date date not null,
  price text,
  host_id text,
  guest_id text,
  created_at timestamptz not null default now()
);

-- Down Migration

drop table source_books;
drop sequence source_room_ids;
drop table source_offers;
