import type { EntryKey } from '@ropeline/core/token/entry-token.ts';
import type { PlaceSecret } from '@ropeline/core/token/place-ticket.ts';

/** A rotation of keys that are kept newest first. Times are Unix ms. */
export type Times = { readonly now: number; readonly signsFrom: number; readonly verifiesUntil: number };

/** The new key in front, signing later; what signs until then gets its end; what has had its end is gone. */
export function withNewEntryKey(keys: readonly EntryKey[], made: EntryKey, times: Times): EntryKey[] {
  const { now, signsFrom, verifiesUntil } = times;
  const old = keys
    .filter((key) => key.verifiesUntil === undefined || key.verifiesUntil > now)
    .map((key) => ({ ...key, verifiesUntil: Math.min(key.verifiesUntil ?? verifiesUntil, verifiesUntil) }));
  return [{ ...made, signsFrom }, ...old];
}

/** Old place secrets have no end of their own: a ticket holds as long as its event. */
export function withNewPlaceSecret(
  secrets: readonly PlaceSecret[],
  secret: string,
  { signsFrom }: Times,
): PlaceSecret[] {
  return [{ secret, signsFrom }, ...secrets];
}

/** Keeps the one that signs now and those that will; `kept` and `out`, in their order. */
export function retired<K extends { readonly signsFrom?: number }>(
  keys: readonly K[],
  now: number,
): { readonly kept: readonly K[]; readonly out: readonly K[] } {
  const signing = keys.findIndex(({ signsFrom = 0 }) => signsFrom <= now);
  const end = signing < 0 ? keys.length : signing + 1;
  return { kept: keys.slice(0, end), out: keys.slice(end) };
}
