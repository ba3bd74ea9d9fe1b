import { createHash, timingSafeEqual } from 'node:crypto';
import { ConfigError } from '@ropeline/core/config.ts';

/** Each may do what those before it may. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

export type Operator = { readonly name: string; readonly role: Role };
type Known = Operator & { readonly hash: Buffer };

/** Who may call the control plane. Only hashes are kept; a look costs the same whoever asks. */
export class OperatorTokens {
  readonly #known: readonly Known[];

  constructor(known: readonly Known[]) {
    this.#known = known;
  }

  find(token: string): Operator | undefined {
    const hash = sha256(token);
    let found: Operator | undefined;
    for (const { name, role, hash: expected } of this.#known) {
      if (timingSafeEqual(hash, expected)) found ??= { name, role };
    }
    return found;
  }
}

/**
 * Reads `OPERATOR_TOKENS`, entries `name:role:sha256`, the hash in hex; a name may have several, so that tokens can
 * be changed with overlap. `plain` is `OPERATOR_TOKEN`, the token of an admin `operator`. Throws
 * {@link ConfigError} naming every entry that is wrong, never its hash.
 */
export function parseOperatorTokens(entries: readonly string[], plain?: string): OperatorTokens {
  const problems: string[] = [];
  const known: Known[] = [];
  entries.forEach((entry, i) => {
    const [name = '', role = '', hash = '', ...rest] = entry.trim().split(':');
    const problem = problemOf(name, role, hash, rest);
    if (problem === undefined) known.push({ name, role: role as Role, hash: Buffer.from(hash, 'hex') });
    else problems.push(`OPERATOR_TOKENS: entry ${i + 1} ${problem}`);
  });
  if (plain !== undefined && /\s/.test(plain))
    problems.push('OPERATOR_TOKEN must not contain white space: no Authorization header could carry it');
  if (problems.length > 0) throw new ConfigError(problems);
  if (plain !== undefined) known.push({ name: 'operator', role: 'admin', hash: sha256(plain) });
  return new OperatorTokens(known);
}

function problemOf(name: string, role: string, hash: string, rest: readonly string[]): string | undefined {
  if (rest.length > 0 || hash === '') return 'must be name:role:sha256 of the token in hex';
  if (!/^[\w.@-]{1,64}$/.test(name)) return 'has a name that is not 1 to 64 letters, digits or . _ @ -';
  if (!(roles as readonly string[]).includes(role)) return `has a role that is none of ${roles.join(', ')}`;
  if (!/^[0-9a-f]{64}$/i.test(hash)) return 'has a hash that is not 64 hex digits';
  return undefined;
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
