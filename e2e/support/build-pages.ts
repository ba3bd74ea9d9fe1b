import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildUi } from '../../scripts/start/ui-build.ts';

/** Once for the run: installations that start side by side would build the pages under each other's feet. */
export async function setup(): Promise<void> {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const logs = mkdtempSync(join(tmpdir(), 'ropeline-pages-'));
  try {
    await buildUi({ root, logs, env: process.env }, new AbortController().signal);
  } finally {
    rmSync(logs, { recursive: true, force: true });
  }
}
