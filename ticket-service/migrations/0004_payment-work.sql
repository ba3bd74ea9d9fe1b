-- Up Migration

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
