/** What a reload of this tab keeps; storage may be switched off, then nothing is kept. */
type Kept = 'token' | 'member' | 'order';

export function keep(name: Kept, value: string | undefined): void {
  try {
    if (value === undefined) sessionStorage.removeItem(`shop:${name}`);
    else sessionStorage.setItem(`shop:${name}`, value);
  } catch {
    // nothing to keep it in
  }
}

export function kept(name: Kept): string | undefined {
  try {
    return sessionStorage.getItem(`shop:${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

/** A key that a repeat of the same order carries again. Works without HTTPS, where `randomUUID` does not. */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
