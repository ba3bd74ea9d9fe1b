import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { unpackDebianPackages } from './debian-packages.ts';
import { findCommand } from './find-command.ts';

export type RedisBinary = { readonly file: string; readonly version: string };

const oldest = 7;

/** A redis-server that is there already: the given one, on PATH, or in the project's cache. */
export function findRedis(cache: string, given?: string): RedisBinary | undefined {
  const candidates = given === undefined ? [findCommand('redis-server'), cached(cache)] : [given];
  for (const file of candidates) {
    const version = file === undefined ? undefined : versionOf(file);
    if (file !== undefined && version !== undefined && Number.parseInt(version, 10) >= oldest) {
      return { file, version };
    }
  }
  return undefined;
}

/** How a missing redis-server will be supplied on this system, in words; undefined = it cannot. */
export function howToSupply(): string | undefined {
  if (process.platform === 'darwin' && findCommand('brew')) return 'brew install redis';
  if (findCommand('apt-get') && findCommand('dpkg-deb')) {
    return 'fetch the package redis-tools with apt and unpack it into .cache (nothing is installed)';
  }
  return undefined;
}

/** Supplies redis-server; throws an instruction where that is not possible. */
export async function supplyRedis(cache: string): Promise<RedisBinary> {
  try {
    if (process.platform === 'darwin' && findCommand('brew')) {
      spawnSync('brew', ['install', 'redis'], { stdio: 'inherit' });
    } else if (howToSupply() !== undefined) {
      await unpack(cache);
    }
  } catch (cause) {
    throw new Error(
      `Redis could not be fetched.\n${cause instanceof Error ? cause.message : ''}\n${remedy}`,
      {
        cause,
      },
    );
  }
  const found = findRedis(cache);
  if (found === undefined) throw new Error(`There is no redis-server ${oldest} or newer.\n${remedy}`);
  return found;
}

const remedy = [
  'Install it and start again:',
  '  Debian, Ubuntu:  apt-get install redis-server',
  '  Fedora:          dnf install redis',
  '  macOS:           brew install redis',
  'or set REDIS_SERVER=/path/to/redis-server, or REDIS_URL and TICKET_REDIS_URL to two of your own.',
].join('\n');

const cached = (cache: string): string => join(cache, 'redis', 'redis-server');

/**
 * Debian's redis-tools holds the server: `redis-check-rdb` is the same binary and goes by its name. The package
 * `redis-server` would only add a link, a system user and a running service.
 */
async function unpack(cache: string): Promise<void> {
  const folder = dirname(cached(cache));
  mkdirSync(cache, { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  await unpackDebianPackages('redis-tools', join(folder, 'root'));
  const bin = join(folder, 'root/usr/bin');
  if (!existsSync(join(bin, 'redis-server'))) symlinkSync('redis-check-rdb', join(bin, 'redis-server'));
  const script = [
    '#!/bin/sh',
    'here=$(cd "$(dirname "$0")" && pwd)',
    // Every multi-arch library folder of the unpacked packages.
    'for lib in "$here"/root/usr/lib/*-linux-gnu* "$here"/root/lib/*-linux-gnu*; do',
    '  [ -d "$lib" ] && LD_LIBRARY_PATH="$lib:$LD_LIBRARY_PATH"',
    'done',
    'export LD_LIBRARY_PATH',
    'exec "$here/root/usr/bin/redis-server" "$@"',
    '',
  ];
  writeFileSync(cached(cache), script.join('\n'), { mode: 0o755 });
}

function versionOf(file: string): string | undefined {
  const answer = spawnSync(file, ['--version'], { encoding: 'utf8' });
  return /^(?:Redis|Valkey) server v=(\S+)/.exec(answer.stdout ?? '')?.[1];
}
