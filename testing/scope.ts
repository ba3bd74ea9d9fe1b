import { randomBytes } from 'node:crypto';
import { inject, onTestFinished } from 'vitest';
import { createDatabase } from '../scripts/services/postgres-server.ts';

/** A room name that no other test uses. */
export function uniqueRoom(): string {
  return `t-${randomBytes(6).toString('hex')}`;
}

/** A database of its own on the run's Postgres. */
export async function freshDatabase(): Promise<string> {
  const { name, url } = nameDatabase();
  await createDatabase(inject('postgresUrl'), name);
  return url;
}

/** The name of a database that nobody else uses, and where it is once it is made. */
export function nameDatabase(): { readonly name: string; readonly url: string } {
  const name = `t_${randomBytes(6).toString('hex')}`;
  return { name, url: inject('postgresUrl').replace(/\/ropeline$/, `/${name}`) };
}

/** Runs `clean` at the end of the test, whatever its outcome; returns the thing. */
export function cleanedUp<T>(thing: T, clean: (thing: T) => unknown): T {
  onTestFinished(async () => {
    await clean(thing);
  });
  return thing;
}
