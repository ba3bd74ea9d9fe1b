import type { Pool } from '@ropeline/core/postgres/connect.ts';
import type { Role } from './access-tokens.ts';

export type MemberRow = {
  readonly id: string;
  readonly role: Role;
  readonly passwordHash: string | null;
};

export async function findMember(pool: Pool, id: string): Promise<MemberRow | undefined> {
  const { rows } = await pool.query<MemberRow>({
    name: 'find-member',
    text: 'select member_id as id, role, password_hash as "passwordHash" from members where member_id = $1',
    values: [id],
  });
  return rows[0];
}

/** False when a member of this id exists. */
export async function insertMember(pool: Pool, id: string, passwordHash: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    'insert into members (member_id, password_hash) values ($1, $2) on conflict do nothing',
    [id, passwordHash],
  );
  return rowCount === 1;
}
