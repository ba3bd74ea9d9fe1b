import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationPage } from './docs/configuration.ts';
import { processes } from './docs/processes.ts';

/** `npm run docs`: writes what of the documentation is made from the code. */
const file = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));
writeFileSync(file, configurationPage(processes));
console.log(`${file} is written.`);
