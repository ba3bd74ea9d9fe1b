-- Up Migration

-- A coupon is an offer of kind `pool` that is issued, one for each member, and not sold: an order of it is complete at
-- once and costs nothing. Its COMPLETED orders are the issued coupons.
create table coupons (
  offer_id integer primary key references offers on delete cascade,
  -- Issued in [opens_at, closes_at); null = without bound.
  opens_at timestamptz,
  closes_at timestamptz,
  -- An issued one ends at the earlier of the two; null = it does not.
  expires_at timestamptz,
  valid_seconds integer check (valid_seconds > 0),
  check (opens_at < closes_at)
);

-- Down Migration

drop table coupons;
