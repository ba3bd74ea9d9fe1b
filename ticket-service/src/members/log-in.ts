import { AppError } from '@ropeline/core/errors.ts';
import type { Pool } from '@ropeline/core/postgres/connect.ts';
import { findMember, insertMember, type MemberRow } from './member-rows.ts';
import type { Passwords } from './passwords.ts';
import type { WrongPasswords } from './wrong-passwords.ts';

type Parts = { readonly pool: Pool; readonly passwords: Passwords; readonly wrong: WrongPasswords };

export class LogIn {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The member, or 401 `wrong-credentials`, 429 `too-many-logins`, 503 `busy`. */
  async check(id: string, password: string): Promise<MemberRow> {
    const { pool, passwords, wrong } = this.#parts;
    await wrong.check(id);
    return passwords.inTurn(async () => {
      // Asked again in turn: parallel guesses that came in before the tenth was wrong must not all be tried.
      await wrong.check(id);
      const member = await findMember(pool, id);
      if (await passwords.matches(member?.passwordHash, password)) return member as MemberRow;
      await wrong.count(id);
      throw new AppError('wrong-credentials');
    });
  }

  /** 409 `member-exists`, 503 `busy`. */
  async signUp(id: string, password: string): Promise<void> {
    const { pool, passwords } = this.#parts;
    // Before the hash: a taken id costs no core.
    if ((await findMember(pool, id)) !== undefined) throw new AppError('member-exists');
    const inserted = await insertMember(pool, id, await passwords.hash(password));
    if (!inserted) throw new AppError('member-exists');
  }
}
