-- Up Migration

-- Which life of the stock Redis these rows belong to. Whoever writes orders shows the epoch that they come from: what
-- was read from a Redis that was emptied and built anew since must not be written behind the back of the new one.
create table stock_life (
  one boolean primary key default true check (one),
  epoch text not null,
  since timestamptz not null default now()
);

-- Down Migration

drop table stock_life;
