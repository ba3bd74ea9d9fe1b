import { createHash, createHmac } from 'node:crypto';
import type { ExportFile, Head, Row } from './export-file.ts';

/** One thing that was looked at, in words; the first differences where it is wrong. */
export type Check = { readonly text: string; readonly differences: readonly string[] };

export type Noted = { readonly commitment?: string; readonly participantsHash?: string };

const mostDifferences = 5;

/**
 * Every check of a draw, from the rules as docs/draw.md states them and with nothing of the gateway's code. `noted` is
 * what somebody wrote down at the time; without it a draw is only checked against itself.
 */
export function checkDraw({ head, rows, listed }: ExportFile, noted: Noted): Check[] {
  return [
    check('The file is whole: its last line counts the lines before it.', [
      ...wrong(listed === undefined, 'the last line is missing: the file was cut off'),
      ...wrong(
        listed !== undefined && listed !== rows.length,
        `it counts ${listed}, there are ${rows.length}`,
      ),
    ]),
    check('The commitment is the SHA-256 of the seed.', [
      ...differs('SHA-256 of the seed', sha256(seedOf(head)), 'the commitment', head.commitment),
      ...wrong(!/^[0-9a-f]{64}$/.test(head.seed), 'the seed is not 32 bytes in lower-case hex'),
    ]),
    ...notedChecks(head, noted),
    check(`The list has as many participants as were announced (${head.participants}).`, [
      ...wrong(rows.length !== head.participants, `it has ${rows.length}`),
    ]),
    check('Nobody is listed twice.', repeated(rows)),
    check('The participants’ hash is that of the list.', [
      ...differs('hash of the list', listHash(rows), 'the participants’ hash', head.participantsHash),
    ]),
    check(
      head.beacon === undefined
        ? 'Every score is the first 52 bits of HMAC-SHA256(seed, visitor).'
        : `Every score is the first 52 bits of HMAC-SHA256(SHA-256(seed, "${head.beacon}"), visitor).`,
      wrongScores(head, rows),
    ),
    check('The lines are in the order of the scores, equal ones by the visitor’s id.', wrongOrder(rows)),
    check('Every place is its line’s number within the lane.', wrongPlaces(rows)),
  ];
}

function notedChecks(head: Head, { commitment, participantsHash }: Noted): Check[] {
  const checks: Check[] = [];
  if (commitment !== undefined) {
    checks.push(
      check(
        'The commitment is the one that you noted.',
        differs('noted', commitment, 'in the file', head.commitment),
      ),
    );
  }
  if (participantsHash !== undefined) {
    checks.push(
      check(
        'The participants’ hash is the one that you noted.',
        differs('noted', participantsHash, 'in the file', head.participantsHash),
      ),
    );
  }
  return checks;
}

function check(text: string, differences: readonly string[]): Check {
  return { text, differences: differences.slice(0, mostDifferences) };
}

function wrong(when: boolean, difference: string): string[] {
  return when ? [difference] : [];
}

function differs(nameA: string, a: string, nameB: string, b: string): string[] {
  return a.toLowerCase() === b.toLowerCase() ? [] : [`${nameA}: ${a}`, `${nameB}: ${b}`];
}

function seedOf({ seed }: Head): Buffer {
  return Buffer.from(seed, 'hex');
}

function sha256(...parts: readonly (Buffer | string)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function listHash(rows: readonly Row[]): string {
  const members = rows.map(({ lane, visitor }) => Buffer.from(`${lane}:${visitor}\n`));
  const hash = createHash('sha256');
  // The line feed is the lowest byte there is in a member, so it does not disturb the order.
  for (const member of members.sort(Buffer.compare)) hash.update(member);
  return hash.digest('hex');
}

function repeated(rows: readonly Row[]): string[] {
  const seen = new Set<string>();
  const twice: string[] = [];
  for (const { visitor } of rows) {
    if (seen.has(visitor)) twice.push(visitor);
    seen.add(visitor);
  }
  return twice;
}

/** As an integer of 52 bits: thirteen hexadecimal digits. */
export function scoreOf(head: Pick<Head, 'seed' | 'beacon'>, visitor: string): number {
  const seed = Buffer.from(head.seed, 'hex');
  const key = head.beacon === undefined ? seed : Buffer.from(sha256(seed, head.beacon), 'hex');
  return Number.parseInt(createHmac('sha256', key).update(visitor).digest('hex').slice(0, 13), 16);
}

function wrongScores(head: Head, rows: readonly Row[]): string[] {
  return some(rows, ({ lane, visitor, score }) => {
    const right = scoreOf(head, visitor);
    return right === score ? undefined : `${lane}:${visitor} has ${score} and should have ${right}`;
  });
}

function wrongOrder(rows: readonly Row[]): string[] {
  return some(rows, (row, i) => {
    const before = rows[i - 1];
    if (before === undefined || before.score < row.score) return undefined;
    const ids = Buffer.compare(
      Buffer.from(`${before.lane}:${before.visitor}`),
      Buffer.from(`${row.lane}:${row.visitor}`),
    );
    if (before.score === row.score && ids < 0) return undefined;
    return `${row.lane}:${row.visitor} (${row.score}) stands behind ${before.lane}:${before.visitor} (${before.score})`;
  });
}

function wrongPlaces(rows: readonly Row[]): string[] {
  const places = new Map<string, number>();
  return some(rows, ({ lane, visitor, place }) => {
    const right = (places.get(lane) ?? 0) + 1;
    places.set(lane, right);
    return place === right ? undefined : `${lane}:${visitor} has place ${place} and should have ${right}`;
  });
}

function some(rows: readonly Row[], look: (row: Row, i: number) => string | undefined): string[] {
  const found: string[] = [];
  for (const [i, row] of rows.entries()) {
    const difference = look(row, i);
    if (difference !== undefined && found.length < mostDifferences) found.push(difference);
  }
  return found;
}
