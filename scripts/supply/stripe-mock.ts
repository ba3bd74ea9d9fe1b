import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand } from './find-command.ts';

export type StripeMock =
  | { readonly binary: string /** What it answers, as JSON. */; readonly fixtures: string }
  | { readonly missing: string };

/**
 * Stripe's own stand-in for its API, from the project's cache, else built into it in a few seconds from the pinned
 * tool module testing/stripe-mock. Without Go, or without a way to fetch the module, it says what is missing.
 */
export function supplyStripeMock(root: string): StripeMock {
  const module = join(root, 'testing', 'stripe-mock');
  const pinned = /stripe\/stripe-mock (v\S+)/.exec(readFileSync(join(module, 'go.mod'), 'utf8'))?.[1];
  const folder = join(root, '.cache', `stripe-mock-${pinned}`);
  const built = { binary: join(folder, 'stripe-mock'), fixtures: join(folder, 'fixtures.json') };
  if (existsSync(built.fixtures)) return built;
  if (findCommand('go') === undefined)
    return { missing: 'it is built with Go 1.24 or newer, and there is none' };
  const go = (...words: string[]) =>
    spawnSync('go', words, {
      cwd: module,
      env: { ...process.env, GOFLAGS: '-mod=readonly' },
      encoding: 'utf8',
    });
  // Others may build at the same time: whoever is first puts the whole folder in place.
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  const path = 'github.com/stripe/stripe-mock';
  const build = go('build', '-trimpath', '-o', join(draft, 'stripe-mock'), path);
  const source = go('list', '-m', '-f', '{{.Dir}}', path);
  if (build.status !== 0 || source.status !== 0) {
    rmSync(draft, { recursive: true });
    return { missing: `it could not be built: ${(build.stderr || source.stderr).trim().split('\n').at(-1)}` };
  }
  cpSync(join(source.stdout.trim(), 'embedded', 'openapi', 'fixtures3.json'), join(draft, 'fixtures.json'));
  try {
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true });
    if (!existsSync(built.fixtures)) throw error;
  }
  return built;
}
