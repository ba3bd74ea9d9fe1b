import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { definedScripts, loadScript } from '../../src/redis/script.ts';

const luaFolder = fileURLToPath(new URL('../../../lua/', import.meta.url));
const sources = ['core', 'gateway'].map((part) =>
  fileURLToPath(new URL(`../../../${part}/src/`, import.meta.url)),
);

const files = readdirSync(luaFolder)
  .filter((name) => name.endsWith('.lua'))
  .map((name) => name.slice(0, -'.lua'.length));

type Line = { readonly place: string; readonly name: string; readonly type: string };

/** Bindings live in files whose name ends in `scripts.ts`. */
beforeAll(async () => {
  const bindings = sources.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('scripts.ts'))
      .map((path) => join(folder, path)),
  );
  for (const path of bindings) await import(pathToFileURL(path).href);
  expect(definedScripts().length).toBeGreaterThan(0);
});

describe.each(files)('lua/%s.lua', (file) => {
  const text = readFileSync(join(luaFolder, `${file}.lua`), 'utf8');
  const header = /^--\[\[\n([\s\S]*?)\n\]\]\n/.exec(text)?.[1] ?? '';
  const body = text.slice(text.indexOf('\n]]\n') + 4);
  const code = loadScript(file).slice(loadScript(file).indexOf('\n]]\n') + 4);
  const keys = section(header, 'KEYS');
  const args = section(header, 'ARGV');

  it('has a header of the agreed form', () => {
    expect(header.startsWith(`${file}: `)).toBe(true);
    const titles = [...header.matchAll(/^(KEYS|ARGV|REPLY|COMPLEXITY)\b/gm)].map(([, title]) => title);
    expect(titles).toEqual(['KEYS', ...(args.length > 0 ? ['ARGV'] : []), 'REPLY', 'COMPLEXITY']);
    for (const lines of [keys, args]) {
      const numbered = lines.filter(({ place }) => place !== '+');
      expect(numbered.map(({ place }) => Number(place))).toEqual(numbered.map((_, at) => at + 1));
      expect(lines.slice(numbered.length).every(({ place }) => place === '+')).toBe(true);
    }
    for (const { type } of keys) expect(['string', 'hash', 'zset', 'set', 'list', 'stream']).toContain(type);
  });

  it('has a binding that names the same keys and arguments', () => {
    const contract = definedScripts().find((script) => script.file === file);
    expect(contract, 'no binding').toBeDefined();
    expect(contract?.keys).toEqual(names(keys, false));
    expect(contract?.repeatedKeys ?? []).toEqual(names(keys, true));
    expect(contract?.args).toEqual(names(args, false));
  });

  it('first renames its numbered keys, in order', () => {
    const wanted = keys.filter(({ place }) => place !== '+').map(({ name }) => name);
    const renamed: string[] = [];
    for (const line of body.split('\n')) {
      if (renamed.length === wanted.length) break;
      const [, left = '', right = ''] = /^local ([\w, ]+) = ((?:KEYS\[\d+\](?:, )?)+)$/.exec(line) ?? [];
      const indexes = [...right.matchAll(/KEYS\[(\d+)\]/g)].map(([, index]) => Number(index));
      expect(indexes, `not a renaming of keys: ${line}`).toEqual(
        indexes.map((_, at) => renamed.length + at + 1),
      );
      expect(indexes.length).toBeGreaterThan(0);
      // A local may shorten the header's name (`order_key` where `order` is the decoded order).
      renamed.push(...left.split(', ').map((name) => name.replace(/_key$/, '')));
    }
    expect(renamed).toEqual(wanted);
  });

  it('uses no key or argument that its header does not have', () => {
    const repeats = (lines: readonly Line[]): boolean => lines.some(({ place }) => place === '+');
    const most = (word: string): number =>
      Math.max(0, ...[...code.matchAll(new RegExp(`${word}\\[(\\d+)\\]`, 'g'))].map(([, n]) => Number(n)));
    expect(most('KEYS')).toBeLessThanOrEqual(names(keys, false).length);
    expect(most('ARGV')).toBeLessThanOrEqual(names(args, false).length);
    if (!repeats(keys)) expect(code).not.toMatch(/KEYS\[[^\d]/);
    if (!repeats(args)) expect(code).not.toMatch(/ARGV\[[^\d]/);
    for (const [index] of names(args, false).entries())
      expect(code, 'unused').toContain(`ARGV[${index + 1}]`);
  });

  it('is small and stays off JSON', () => {
    expect(text.split('\n').length).toBeLessThan(100);
    expect(code).not.toContain('cjson');
  });
});

function section(header: string, title: string): readonly Line[] {
  const rows = header.split('\n');
  const start = rows.indexOf(title);
  if (start < 0) return [];
  const lines: Line[] = [];
  for (const row of rows.slice(start + 1)) {
    const [, place, name, type] = /^ {2}(\d+|\+) +(\w+) +(\S+)/.exec(row) ?? [];
    if (place === undefined || name === undefined || type === undefined) {
      if (/^\s{4,}/.test(row)) continue;
      break;
    }
    lines.push({ place, name, type });
  }
  return lines;
}

function names(lines: readonly Line[], repeated: boolean): readonly string[] {
  return lines
    .filter(({ place }) => (place === '+') === repeated)
    .map(({ name }) => name.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase()));
}
