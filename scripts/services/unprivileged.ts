import { spawnSync } from 'node:child_process';
import { accessSync, chownSync, constants, mkdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';

/** How a program that refuses to run as root is started by this user. */
export type Unprivileged = {
  readonly wrap: (command: string, args: readonly string[]) => readonly [string, readonly string[]];
  /** For `spawn`: another user, or nothing. */
  readonly identity: { readonly uid?: number; readonly gid?: number };
  /** Makes a folder that the program may own. Throws an instruction when it could not enter it. */
  readonly ownFolder: (folder: string) => void;
  /** Throws an instruction when the program could not read what lies in `folder`. */
  readonly canEnter: (folder: string) => void;
};

const nobody = 65_534;

/**
 * As an ordinary user nothing is needed. As root, or as a user without a name (containers), the program runs in a user namespace of its own: no system user is
 * added and folders that only root may enter work. Where namespaces are forbidden it runs as `nobody`, which must be
 * able to reach its files; a message names the folder that is in the way.
 */
export function unprivileged(): Unprivileged {
  const plain: Unprivileged = {
    wrap: (command, args) => [command, args],
    identity: {},
    ownFolder: (folder) => mkdirSync(folder, { recursive: true, mode: 0o700 }),
    canEnter: () => undefined,
  };
  const root = process.getuid?.() === 0;
  if (!root && hasName()) return plain;
  if (spawnSync('unshare', [...namespace, 'true']).status === 0) {
    return { ...plain, wrap: (command, args) => ['unshare', [...namespace, command, ...args]] };
  }
  if (!root) return plain;
  return {
    ...plain,
    identity: { uid: nobody, gid: nobody },
    ownFolder(folder) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      checkWay(dirname(folder));
      chownSync(folder, nobody, nobody);
    },
    canEnter: checkWay,
  };
}

// Mapped to `nobody`, who is known on every system: Postgres wants to know its user's name.
const namespace = ['--user', `--map-user=${nobody}`, `--map-group=${nobody}`, '--'];

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

function checkWay(folder: string): void {
  for (let at = resolve(folder); ; at = dirname(at)) {
    accessSync(at, constants.F_OK);
    if ((statSync(at).mode & 0o001) === 0) {
      throw new Error(
        `Postgres does not run as root, and this system allows no user namespaces. As user "nobody" it cannot enter ${at}.\n` +
          `Set DATA_DIR to a folder that everybody may enter (and keep the project in one), run as an ordinary user, or set DATABASE_URL.`,
      );
    }
    if (at === dirname(at)) return;
  }
}
