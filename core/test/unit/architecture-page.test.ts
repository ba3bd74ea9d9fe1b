import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const mapped = [
  ...['core', 'gateway', 'ticket-service', 'workers', 'payment-simulator', 'waiting-room-ui'],
  ...['lua', 'scripts', 'testing', 'loadtest'],
];
/** Tests have a table of their own on the page; the others hold nothing that was written here. */
const leftOut: ReadonlySet<string> = new Set(['node_modules', 'dist', 'test', 'results', 'k6']);
const isSource = (name: string): boolean => /\.(ts|mjs|lua|sql|html|css)$/.test(name);

it('docs/architecture.md has one line for every source file, and none for a file that is not there', () => {
  const named = filesOf(readFileSync(join(root, 'docs/architecture.md'), 'utf8'));
  const present = mapped.flatMap(sources);
  expect(present.length).toBeGreaterThan(0);
  expect({
    missing: present.filter((file) => !named.includes(file)),
    gone: named.filter((file) => !present.includes(file)),
    twice: named.filter((file, at) => named.indexOf(file) !== at),
  }).toEqual({ missing: [], gone: [], twice: [] });
});

it('docs/architecture.md names no file in its text that the map does not have', () => {
  const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
  const [text = ''] = page.split('\n## The map\n');
  const named = filesOf(page);
  const inText = [...text.matchAll(/`([\w./-]+\.(?:ts|lua|sql))`/g)].map(([, path]) => path as string);
  const unknown = inText.filter(
    (path) => path !== 'main.ts' && !named.some((file) => file === path || file.endsWith(`/${path}`)),
  );
  expect(inText.length).toBeGreaterThan(0);
  expect(unknown).toEqual([]);
});

/** Files of the map: headings `folder/`, below each a line a file. */
function filesOf(page: string): readonly string[] {
  const [, map = ''] = page.split('\n## The map\n');
  let folder = '';
  return map.split('\n').flatMap((line) => {
    folder = /^### `(.+)\/`$/.exec(line)?.[1] ?? folder;
    const name = /^- `([^`]+)`: \S/.exec(line)?.[1];
    return name === undefined ? [] : [`${folder}/${name}`];
  });
}

function sources(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return leftOut.has(entry.name) ? [] : sources(path);
    return isSource(entry.name) ? [path] : [];
  });
}
