import type { PoolClient } from 'pg';

/** Thrown when orders come from a life of the stock Redis that is over. */
export class OfAnotherLife extends Error {}

/**
 * Makes sure that orders of this epoch may be written, until the transaction ends; a rebuild waits for it. Call it
 * before the first write. Throws {@link OfAnotherLife}.
 */
export async function assertLife(client: PoolClient, epoch: string): Promise<void> {
  const { rows } = await client.query<{ epoch: string }>({
    name: 'assert-life',
    text: 'select epoch from stock_life for share',
  });
  const [life] = rows;
  if (life !== undefined && life.epoch !== epoch) throw new OfAnotherLife('of another life of the stock');
}

/** The epoch that orders may come from; undefined before the stock was opened for the first time. */
export async function readLife(client: Pick<PoolClient, 'query'>): Promise<string | undefined> {
  const { rows } = await client.query<{ epoch: string }>('select epoch from stock_life');
  return rows[0]?.epoch;
}

/**
 * Since when the life goes on that orders may come from, and that it does until the transaction ends; undefined before
 * the first. Call it before anything is locked: whoever builds the stock anew takes this first, too.
 */
export async function holdLife(client: PoolClient): Promise<Date | undefined> {
  const { rows } = await client.query<{ since: Date }>('select since from stock_life for share');
  return rows[0]?.since;
}

/** Begins another life: waits for who writes now, and shuts out who comes later with another epoch. */
export async function beginLife(client: PoolClient, epoch: string): Promise<void> {
  await client.query(
    // Not the transaction's own time: who wrote in the old life until now has begun after it.
    `insert into stock_life (epoch, since) values ($1, clock_timestamp())
     on conflict (one) do update set epoch = excluded.epoch, since = clock_timestamp()`,
    [epoch],
  );
}
