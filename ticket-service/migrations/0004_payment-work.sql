-- Up Migration

-- Services may be running: tables are locked in the order in which they lock them, with what all that runs in this
-- transaction needs of them.
lock table offers in access exclusive mode;
lock table orders in share row exclusive mode;
lock table payments in access exclusive mode;

-- When a payment that is not settled is looked at again; grows with every try that brought nothing.
alter table payments
  add column tries integer not null default 0,
  add column next_try_at timestamptz not null default now(),
  add column error text;
drop index payments_open;
create index payments_open on payments (next_try_at) where state in ('pending', 'unknown', 'refund-due');

-- PAYING orders whose payer died before the payment was written.
create index orders_paying on orders (updated_at) where state = 'PAYING';

-- Down Migration

drop index orders_paying;
drop index payments_open;
alter table payments drop column tries, drop column next_try_at, drop column error;
create index payments_open on payments (updated_at) where state in ('pending', 'unknown', 'refund-due');
