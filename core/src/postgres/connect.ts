import pg from 'pg';
import type { Logger } from '../log.ts';

export type { Pool, PoolClient } from 'pg';

type Options = {
  readonly name: string;
  readonly log: Logger;
  readonly maxConnections?: number;
  readonly statementTimeoutMs?: number;
  /** Most between two statements of a transaction; as long as a statement unless told. */
  readonly idleInTransactionMs?: number;
  /** Put in front of the search path: tests use a schema each. */
  readonly schema?: string | undefined;
};

/**
 * A bounded pool. `date` and `bigint` come back as text (dates are never JS Dates; counts are checked where they
 * are read), `timestamptz` as Date. Every statement has a deadline, and so has the pause between two of a
 * transaction: a process that froze within one must not keep its locks.
 */
export function connectPostgres(url: string, options: Options): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: options.name,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: 3_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: options.statementTimeoutMs ?? 10_000,
    idle_in_transaction_session_timeout: options.idleInTransactionMs ?? options.statementTimeoutMs ?? 10_000,
    // The server's own deadline says nothing when the server is unreachable: then the client gives up.
    query_timeout: (options.statementTimeoutMs ?? 10_000) + 2_000,
    types: {
      getTypeParser: (oid, format) => (oid === dateOid ? asText : pg.types.getTypeParser(oid, format)),
    },
    ...(options.schema === undefined ? {} : { options: `-c search_path=${options.schema}` }),
  });
  pool.on('error', (error) =>
    options.log.warn({ err: { message: error.message } }, 'postgres connection lost'),
  );
  return pool;
}

const dateOid: number = pg.types.builtins.DATE;
const asText = (value: string): string => value;
