import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Fetches a Debian package with those of its dependencies that this system lacks and unpacks them into `folder`.
 * Nothing is installed: no user is added, no service is started, root is not needed. Package lists of our own are
 * used when the system has none (fresh containers). Throws with apt's words.
 */
export async function unpackDebianPackages(name: string, folder: string): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}.fetch-`);
  try {
    const options = isListed(name) ? [] : ownLists(work);
    if (options.length > 0) await apt([...options, 'update']);
    const packages = await missingPackages(name, options);
    await apt([...options, 'download', ...packages], work);
    mkdirSync(folder, { recursive: true });
    for (const file of readdirSync(work).filter((entry) => entry.endsWith('.deb'))) {
      await run('dpkg-deb', ['-x', join(work, file), folder], work);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function ownLists(work: string): string[] {
  for (const name of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(work, name), { recursive: true });
  return ['-o', `Dir::State::lists=${join(work, 'lists')}`, '-o', `Dir::Cache=${join(work, 'cache')}`];
}

/** Whether the system's package lists say where to download it from; a fresh container has none. */
function isListed(name: string): boolean {
  const words = ['--print-uris', 'download', name];
  return spawnSync('apt-get', words, { cwd: '/', env: plainEnv() }).status === 0;
}

/** What `apt-get install` would install, itself included; asked in a simulation, which needs no rights. */
async function missingPackages(name: string, options: readonly string[]): Promise<string[]> {
  const words = ['-s', '-o', 'Debug::NoLocking=1', '--no-install-recommends', 'install', '--reinstall', name];
  const text = await run('apt-get', [...options, ...words], '/');
  const names = [...text.matchAll(/^Inst (\S+)/gm)].map(([, found]) => found as string);
  return names.includes(name) ? names : [name, ...names];
}

async function apt(words: readonly string[], cwd = '/'): Promise<void> {
  // Without root apt cannot change to its sandbox user, and needs not.
  await run('apt-get', ['-q', '-o', 'APT::Sandbox::User=', ...words], cwd);
}

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, env: plainEnv(), maxBuffer: 2 ** 24 });
    return stdout;
  } catch (cause) {
    const { message, stderr } = cause as { message: string; stderr?: string };
    throw new Error(`${command} failed: ${stderr?.trim() || message}`, { cause });
  }
}

function plainEnv(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
}
