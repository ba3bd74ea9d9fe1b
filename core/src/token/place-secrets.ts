import type { PlaceSecret } from './place-ticket.ts';

const minLength = 32;

/**
 * Reads a file of place secrets: one a line, newest first, as `<secret>` or `<secret> from=<Unix ms>`; a comma list
 * in a line is as several lines. Throws when there is none or one is too short, without showing it.
 */
export function parsePlaceSecrets(text: string): readonly PlaceSecret[] {
  const lines = text.split(/[\n,]/).map((line) => line.trim());
  const secrets = lines.flatMap((line, i) => {
    if (line === '' || line.startsWith('#')) return [];
    const parts = /^(\S+)(?: from=(\d{1,15}))?$/.exec(line);
    const secret = parts?.[1] ?? '';
    if (secret.length < minLength) {
      throw new Error(`entry ${i + 1} is not a secret of ${minLength} characters or more`);
    }
    return [{ secret, signsFrom: Number(parts?.[2] ?? 0) }];
  });
  if (secrets.length === 0) throw new Error('there is no secret in it');
  return secrets;
}

export function formatPlaceSecrets(secrets: readonly PlaceSecret[]): string {
  const lines = secrets.map(({ secret, signsFrom }) => secret + (signsFrom > 0 ? ` from=${signsFrom}` : ''));
  return `${lines.join('\n')}\n`;
}
