-- Up Migration

-- What can still move, and must therefore be in Redis too; a small part of all.
create index orders_open on orders (order_id) where state in ('RESERVED', 'PAYING');

-- Down Migration

drop index orders_open;
