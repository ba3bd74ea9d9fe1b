import type { Pool, PoolClient } from '../core/src/postgres/connect.ts';

type Statement = { readonly text: string; readonly values: readonly unknown[] };

/** Tables that grow with every sale; nothing hot may read one of them from end to end. */
const growing: ReadonlySet<string> = new Set([
  'orders',
  'order_units',
  'payments',
  'events',
  'sessions',
  'dead_letters',
]);

/** As after some weeks of sales: mostly orders that are over, a few of each kind that is not. */
export async function fillTables(pool: Pool, orders = 20_000): Promise<void> {
  await pool.query('alter table orders disable trigger user; alter table payments disable trigger user');
  await pool.query(`
    insert into offers (offer_id, kind, title, capacity, price_minor, currency)
      select n, 'pool', 'test', 1000000, 100, 'KRW' from generate_series(1, 50) n;
    insert into members (member_id) select 'member' || n from generate_series(1, 2000) n;
    insert into sessions (session_id, member_id, secret_hash, expires_at)
      select gen_random_uuid(), 'member' || 1 + n % 2000, sha256('x'), now() + interval '1 day'
      from generate_series(1, 10000) n`);
  await pool.query(
    `insert into orders (order_id, version, state, offer_id, member_id, units, quantity, amount_minor, currency,
       attempt, entry, idempotency_key, body_hash, hold_until, created_at, updated_at)
     select gen_random_uuid(), 3, case when n % 500 = 0 then 'PAYING' when n % 300 = 0 then 'RESERVED'
         when n % 3 = 0 then 'CANCELLED' else 'COMPLETED' end,
       1 + n % 50, 'member' || 1 + n % 2000, '1', 1, 100, 'KRW', 1, '', 'key' || n, 'hash',
       now() - n * interval '1 s', now() - n * interval '1 s', now() - n * interval '1 s'
     from generate_series(1, $1) n`,
    [orders],
  );
  await pool.query(`
    insert into payments (order_id, attempt, state, reference, amount_minor, currency, updated_at)
      select order_id, 1, case when state = 'PAYING' then 'unknown' when state = 'CANCELLED' then 'refunded'
        when state = 'RESERVED' then 'declined' else 'paid' end, order_id || ':1', 100, 'KRW', updated_at from orders;
    insert into order_units (offer_id, unit, order_id)
      select offer_id, 'A' || row_number() over (), order_id from orders limit 5000;
    insert into events (correlation_id, aggregate, version, type, schema_version, occurred_at, xact, data)
      select order_id::text, 'order', v, 'order.reserved', 1, updated_at,
        (row_number() over (order by updated_at))::text::xid8, '{}' from orders, generate_series(1, 2) v;
    insert into dead_letters (queue, subject, payload, error, redriven_at)
      select 'q', n::text, '{}', '', now() from generate_series(1, 5000) n`);
  await pool.query('alter table orders enable trigger user; alter table payments enable trigger user');
  await pool.query('vacuum analyze');
}

/** Notes every statement that goes through the pool from now on. */
export function recordStatements(pool: Pool): readonly Statement[] {
  const statements: Statement[] = [];
  const note = (target: Pool | PoolClient): void => {
    const query = target.query.bind(target) as (...args: unknown[]) => unknown;
    const noting = (...args: unknown[]): unknown => {
      const [first, values] = args;
      if (typeof first === 'string') statements.push({ text: first, values: (values as unknown[]) ?? [] });
      else if (typeof first === 'object' && first !== null && 'text' in first)
        statements.push({
          text: String(first.text),
          values: 'values' in first ? (first.values as unknown[]) : [],
        });
      return query(...args);
    };
    Object.assign(target, { query: noting });
  };
  pool.on('connect', note);
  return statements;
}

/** Of each statement that reads a growing table from end to end, its text and the table. */
export async function wholeReads(pool: Pool, statements: readonly Statement[]): Promise<readonly string[]> {
  const found: string[] = [];
  const tried = [...new Map(statements.map((statement) => [statement.text, statement])).values()];
  for (const { text, values } of tried) {
    if (!/^\s*(select|insert|update|delete|with)\b/i.test(text)) continue;
    const { rows } = await pool.query<{ 'QUERY PLAN': unknown }>(`explain (format json) ${text}`, [
      ...values,
    ]);
    for (const table of scanned(rows[0]?.['QUERY PLAN']))
      found.push(`${table}: ${text.replace(/\s+/g, ' ').trim()}`);
  }
  return found;
}

function scanned(plan: unknown): readonly string[] {
  if (Array.isArray(plan)) return plan.flatMap(scanned);
  if (typeof plan !== 'object' || plan === null) return [];
  const node = plan as Readonly<Record<string, unknown>>;
  const table = String(node['Relation Name']);
  const here = node['Node Type'] === 'Seq Scan' && growing.has(table) ? [table] : [];
  return [
    ...here,
    ...Object.values(node).flatMap((inner) => (typeof inner === 'object' ? scanned(inner) : [])),
  ];
}
