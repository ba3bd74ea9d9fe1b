import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationPage } from './docs/configuration.ts';
import { eventsSchemaFile } from './docs/events-schema.ts';
import { withProblemTable } from './docs/problem-table.ts';
import { processes } from './docs/processes.ts';
import { roomsSchemaFile } from './docs/rooms-schema.ts';

/** `npm run docs`: writes what of the documentation is made from the code. */
const configuration = page('configuration');
write(configuration, configurationPage(processes));
const protocol = page('protocol');
write(protocol, withProblemTable(readFileSync(protocol, 'utf8')));
write(fileURLToPath(new URL('../docs/events.schema.json', import.meta.url)), eventsSchemaFile());
write(fileURLToPath(new URL('../docs/rooms.schema.json', import.meta.url)), roomsSchemaFile());

function page(name: string): string {
  return fileURLToPath(new URL(`../docs/${name}.md`, import.meta.url));
}

function write(file: string, text: string): void {
  writeFileSync(file, text);
  console.log(`${file} is written.`);
}
