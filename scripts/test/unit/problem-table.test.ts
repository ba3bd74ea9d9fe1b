import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { withProblemTable } from '../../docs/problem-table.ts';

const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');

test('docs/protocol.md has every problem code as the code has it (npm run docs)', () => {
  expect(page).toBe(withProblemTable(page));
  expect(page).toContain('| `entry-required` | 401 |');
});

test('a page that has lost its marks is not written over', () => {
  expect(() => withProblemTable('# A page\n')).toThrow('problem codes');
});
