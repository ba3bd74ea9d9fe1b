import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationPage } from '../../docs/configuration.ts';
import { processes } from '../../docs/processes.ts';

test('docs/configuration.md says what the processes say of their settings (npm run docs)', () => {
  const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  expect(page).toBe(configurationPage(processes));
});
