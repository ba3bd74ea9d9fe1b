-- Up Migration

-- Services may be running: tables are locked in the order in which they lock them.
lock table orders in share row exclusive mode;
lock table payments in access exclusive mode;

-- What the payer pays with, in the provider's words: the same charge may have to be sent again.
alter table payments add column method text;

-- Money of an order that is over belongs back to the payer, whatever process dies before it can say so: the state of
-- the order and that of its payments change in one transaction.
create function owe_payments_of_orders() returns trigger language plpgsql as $$
begin
  -- Most statements end no paid order: they must not pay for a join.
  if exists (select from new_rows where attempt > 1 or (attempt = 1 and state in ('CANCELLED', 'EXPIRED'))) then
    update payments set state = 'refund-due', updated_at = now(), tries = 0, next_try_at = now()
    from new_rows
    where payments.order_id = new_rows.order_id and payments.state = 'paid'
      and (new_rows.state in ('CANCELLED', 'EXPIRED')
        or (new_rows.state = 'COMPLETED' and payments.attempt <> new_rows.attempt));
  end if;
  return null;
end $$;

create trigger orders_owe after update on orders
  referencing new table as new_rows for each statement execute function owe_payments_of_orders();

-- The other way round: money that is heard of when the order is over. The lock waits for a writer of the order, who
-- has not seen this payment paid.
create function owe_payment() returns trigger language plpgsql as $$
declare
  of_order record;
begin
  select state, attempt into of_order from orders where order_id = new.order_id for share;
  if of_order.state in ('CANCELLED', 'EXPIRED')
    or (of_order.state = 'COMPLETED' and of_order.attempt <> new.attempt) then
    update payments set state = 'refund-due', updated_at = now(), tries = 0, next_try_at = now()
    where order_id = new.order_id and attempt = new.attempt and state = 'paid';
  end if;
  return null;
end $$;

create trigger payments_owe after update on payments for each row
  when (new.state = 'paid' and old.state <> 'paid') execute function owe_payment();

-- Down Migration

drop trigger payments_owe on payments;
drop trigger orders_owe on orders;
drop function owe_payment(), owe_payments_of_orders();
alter table payments drop column method;
