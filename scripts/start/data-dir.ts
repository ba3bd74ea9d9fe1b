import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from './refusal.ts';

const marker = '.ropeline-data';

/**
 * Creates or checks the folder of all state. It was empty when Ropeline took it, which the marker says, so that a
 * reset can never wipe somebody's files. Throws {@link Refusal} for a folder that holds other things.
 */
export function openDataDir(folder: string): void {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, marker))) {
    if (readdirSync(folder).length > 0) {
      throw new Refusal(
        `${folder} is not empty and was not made by Ropeline. Set DATA_DIR to a new or an empty folder.`,
      );
    }
    writeFileSync(
      join(folder, marker),
      'Made by Ropeline: "npm start -- --reset" deletes everything in here.\n',
    );
  }
  for (const name of ['logs', 'secrets']) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
}

/** Deletes all state but the lock that the caller holds. Throws {@link Refusal} unless the folder is ours. */
export function wipeDataDir(folder: string): void {
  if (!existsSync(join(folder, marker))) {
    throw new Refusal(`${folder} was not made by Ropeline (it has no ${marker}): nothing was deleted.`);
  }
  for (const name of readdirSync(folder)) {
    if (name !== marker && name !== 'lock') rmSync(join(folder, name), { recursive: true, force: true });
  }
}
