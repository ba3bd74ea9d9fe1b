import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { eventCatalogue, eventTypes } from '../../../core/src/events/catalogue.ts';
import { eventsSchemaFile } from '../../docs/events-schema.ts';

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');

it('the published schema of the events is the one of the code (npm run docs)', () => {
  expect(read('docs/events.schema.json')).toBe(eventsSchemaFile());
});

it('docs/events.md names every event with its version, and none that is not emitted', () => {
  const named = [...read('docs/events.md').matchAll(/^\| `([\w.]+)` \| (\d+) \|/gm)].map(
    ([, type, version]) => ({
      type,
      version: Number(version),
    }),
  );
  expect(named).toEqual(eventTypes.map((type) => ({ type, version: eventCatalogue[type].schemaVersion })));
});
