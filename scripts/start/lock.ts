import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { Refusal } from './refusal.ts';

/**
 * Makes this process the only one that works in a data folder; returns how to give that up. The lock of a process
 * that has died is taken over. Throws {@link Refusal} while another one lives.
 */
export function lockFolder(folder: string): () => void {
  const file = join(folder, 'lock');
  const own = identify(process.pid);
  // Written beside and linked into place, so that nobody reads half a lock.
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    while (!tryLink(draft, file)) {
      const holder = readHolder(file);
      if (holder !== undefined && isAlive(holder)) {
        throw new Refusal(
          `Ropeline is already running on ${folder} (process ${holder.pid}).\n` +
            `Stop it with Ctrl-C in its terminal or "kill ${holder.pid}", or set DATA_DIR (and other ports) for a second one.`,
        );
      }
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => {
    if (readHolder(file)?.pid === process.pid) rmSync(file, { force: true });
  };
}

function tryLink(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
