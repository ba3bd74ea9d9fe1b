import { readdirSync, readFileSync, statSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

/**
 * Strips and parses every TypeScript file that Node runs (what the root's tsconfig.json includes), as Node would when
 * it is imported. `node --check` says nothing of `.ts` files; this finds what tsc lets pass and Node cannot run.
 * Needs --experimental-vm-modules.
 */
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as { include: string[] };
const files = include.flatMap(sources);

let failed = 0;
for (const file of files) {
  try {
    new vm.SourceTextModule(stripTypeScriptTypes(readFileSync(join(root, file), 'utf8')), {
      identifier: file,
    });
  } catch (error) {
    failed += 1;
    console.log(`${file}: ${error instanceof Error ? error.message : error}`);
  }
}
console.log(`${files.length} files, ${failed} failed`);
process.exit(failed === 0 && files.length > 0 ? 0 : 1);

function sources(path: string): string[] {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  if (stat === undefined) return [];
  const all = stat.isDirectory()
    ? readdirSync(join(root, path), { recursive: true, encoding: 'utf8' }).map((name) => join(path, name))
    : [path];
  return all.filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !name.includes('node_modules/'),
  );
}
