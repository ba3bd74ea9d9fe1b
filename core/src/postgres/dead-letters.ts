import type { Pool, PoolClient } from 'pg';

/**
 * What could not be written though everything before it was.
 *
 * A letter is tried again by itself, `mostTries` times in all; then it is *dead* and waits for an operator
 * (`nextTryAt` null). It ends when a try succeeds (`redrivenAt`); rows stay as a record.
 */
export type DeadLetter = {
  readonly id: number;
  readonly queue: string;
  /** What it is about: `<order id>:<version>`, or the place in the stream of an entry that cannot be read. */
  readonly subject: string;
  readonly payload: unknown;
  readonly error: string;
  readonly attempts: number;
  readonly createdAt: Date;
  readonly nextTryAt: Date | null;
  readonly redrivenAt: Date | null;
};

export type NewLetter = Pick<DeadLetter, 'queue' | 'subject' | 'payload' | 'error'> & {
  /** False: trying again is pointless, it is dead at once. */
  readonly retried: boolean;
};

/** Pauses before the second try and the next ones; the last one stands for all that follow. */
const retryAfterSeconds = [1, 2, 5, 10, 20, 30] as const;
/**
 * Some 13 minutes. While an offer is nearly sold out, payments are written ahead of releases that are still in the
 * outbox, again and again: an order that is right may be refused as long as the rush and an outage of the workers last.
 */
const mostTries = 30;

const columns = `id::integer as id, queue, subject, payload, error, attempts, created_at as "createdAt",
  next_try_at as "nextTryAt", redriven_at as "redrivenAt"`;

/** Writes letters; one of the same queue and subject that exists stays as it is. */
export async function addDeadLetters(client: PoolClient, letters: readonly NewLetter[]): Promise<void> {
  for (const letter of letters) {
    await client.query(
      `insert into dead_letters (queue, subject, payload, error, next_try_at)
       values ($1, $2, $3, $4, now() + make_interval(secs => $5)) on conflict (queue, subject) do nothing`,
      [
        letter.queue,
        storable(letter.subject),
        JSON.stringify(letter.payload, (_key, value) =>
          typeof value === 'string' ? storable(value) : value,
        ),
        storable(letter.error),
        letter.retried ? pauseAfter(1) : null,
      ],
    );
  }
}

/** Newest first; only those that no try has settled, unless `all`. */
export async function listDeadLetters(
  pool: Pool,
  options: { readonly all: boolean; readonly limit: number; readonly before?: number | undefined },
): Promise<readonly DeadLetter[]> {
  const { rows } = await pool.query<DeadLetter>(
    `select ${columns} from dead_letters
     where ($1 or redriven_at is null) and ($2::bigint is null or id < $2) order by id desc limit $3`,
    [options.all, options.before ?? null, options.limit],
  );
  return rows;
}

/** How many wait for another try and how many are dead. */
export async function countDeadLetters(
  pool: Pool,
): Promise<{ readonly retrying: number; readonly dead: number }> {
  const { rows } = await pool.query<{ retrying: number; dead: number }>(
    `select count(next_try_at)::integer as retrying, (count(*) - count(next_try_at))::integer as dead
     from dead_letters where redriven_at is null`,
  );
  return rows[0] ?? { retrying: 0, dead: 0 };
}

/** The letter, locked until the transaction ends; undefined when there is none or somebody else works on it. */
export async function lockLetter(client: PoolClient, id: number): Promise<DeadLetter | undefined> {
  const { rows } = await client.query<DeadLetter>(
    `select ${columns} from dead_letters where id = $1 for update skip locked`,
    [id],
  );
  return rows[0];
}

/** Ids of letters whose next try is due. */
export async function dueLetters(pool: Pool, limit: number): Promise<readonly number[]> {
  const { rows } = await pool.query<{ id: number }>(
    `select id::integer as id from dead_letters
     where redriven_at is null and next_try_at <= now() order by next_try_at limit $1`,
    [limit],
  );
  return rows.map(({ id }) => id);
}

export async function settleLetter(client: PoolClient, id: number): Promise<void> {
  await client.query('update dead_letters set redriven_at = now(), next_try_at = null where id = $1', [id]);
}

/** Notes a try that failed and plans the next, if there is one. */
export async function noteFailedTry(client: PoolClient, letter: DeadLetter, error: string): Promise<void> {
  await client.query(
    `update dead_letters set attempts = attempts + 1, error = $2, next_try_at = now() + make_interval(secs => $3)
     where id = $1`,
    [letter.id, storable(error), pauseAfter(letter.attempts + 1)],
  );
}

/** Seconds; null: no more tries. */
function pauseAfter(tries: number): number | null {
  if (tries >= mostTries) return null;
  return retryAfterSeconds[tries - 1] ?? retryAfterSeconds[retryAfterSeconds.length - 1] ?? null;
}

/** Postgres stores no NUL character, neither in text nor in jsonb. */
const storable = (text: string): string => text.replaceAll('\0', '\ufffd');
