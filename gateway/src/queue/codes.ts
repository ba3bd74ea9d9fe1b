import { createHash, randomInt } from 'node:crypto';

/** Without what is read as something else: 0 and O, 1 and I and L. */
const alphabet = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const groups = 3;
const groupLength = 4;

/** Twelve characters of 31, some 59 bits: `K7QM-2XRT-9HFC`. */
export function newCode(): string {
  const group = (): string =>
    Array.from({ length: groupLength }, () => alphabet[randomInt(alphabet.length)]).join('');
  return Array.from({ length: groups }, group).join('-');
}

/** What is left of a code that people type: capitals, without spaces and hyphens. */
export function plainCode(text: string): string {
  return text.toUpperCase().replace(/[\s-]/g, '');
}

/** Under which a room knows a code; another room knows the same code under another hash. */
export function codeHash(room: string, text: string): string {
  return createHash('sha256')
    .update(`${room}\n${plainCode(text)}`)
    .digest('base64url');
}
