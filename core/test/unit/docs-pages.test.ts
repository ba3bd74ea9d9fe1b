import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'lua/README.md', 'loadtest/README.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const leftOut: ReadonlySet<string> = new Set(['node_modules', 'dist', '.data', '.cache', '.git']);

describe.each(pages)('%s', (page) => {
  const text = readFileSync(join(root, page), 'utf8');

  it('links to files and headings that are there', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link as string);
    const broken = links.filter((link) => !/^[a-z]+:/.test(link) && !leadsSomewhere(page, link));
    expect(broken).toEqual([]);
  });
});

it('the tests that docs/operations.md names exist', () => {
  const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8');
  const shown = operations.split('### Shown by')[1]?.split('## ')[0] ?? '';
  const names = [...shown.matchAll(/(?<!\*)\*([^*]+)\*(?!\*)/g)].map(([, name]) =>
    (name as string).replace(/ \.\.\.$/, ''),
  );
  const tests = testFiles('.').map((file) => readFileSync(join(root, file), 'utf8'));
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !tests.some((text) => text.includes(`'${name}`)))).toEqual([]);
});

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(root, file))) return false;
  if (heading === undefined) return true;
  const headings = [...readFileSync(join(root, file), 'utf8').matchAll(/^#+ (.+)$/gm)];
  return headings.some(([, title]) => slug(title as string) === heading);
}

/** As GitHub makes the anchor of a heading. */
function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function testFiles(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return leftOut.has(entry.name) ? [] : testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}
