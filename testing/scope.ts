import { randomBytes } from 'node:crypto';
import { inject, onTestFinished } from 'vitest';
import { createDatabase } from '../scripts/services/postgres-server.ts';

/** A room name that no other test uses. */
export function uniqueRoom(): string {
  return `t-${randomBytes(6).toString('hex')}`;
}

/** A database of its own on the run's Postgres. */
export async function freshDatabase(): Promise<string> {
  const name = `t_${randomBytes(6).toString('hex')}`;
  const url = inject('postgresUrl');
  await createDatabase(url, name);
  return url.replace(/\/ropeline$/, `/${name}`);
}

/** Runs `clean` at the end of the test, whatever its outcome; returns the thing. */
export function cleanedUp<T>(thing: T, clean: (thing: T) => unknown): T {
  onTestFinished(async () => {
    await clean(thing);
  });
  return thing;
}
