import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { findCommand } from '../supply/find-command.ts';
import { findRedis, supplyRedis } from '../supply/redis-binary.ts';

const browsers = ['chromium', 'chromium-browser', 'google-chrome'];

/**
 * Supplies redis-server and a Chromium where they are missing. Returns what the tests' environment needs to find
 * them; throws an instruction when one cannot be had.
 */
export async function supplyTestTools(cache: string): Promise<Record<string, string>> {
  const redis = findRedis(cache, process.env['REDIS_SERVER']) ?? (await supplyRedis(cache));
  const browser = process.env['CHROMIUM'] ?? findBrowser() ?? installChromium();
  return {
    PATH: `${dirname(redis.file)}:${process.env['PATH'] ?? ''}`,
    CHROMIUM: browser,
  };
}

function findBrowser(): string | undefined {
  const inApplications = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
  const found = browsers.flatMap((name) => findCommand(name) ?? []);
  if (found.length > 0) return found[0];
  return process.platform === 'darwin' && spawnSync('test', ['-x', inApplications]).status === 0
    ? inApplications
    : undefined;
}

function installChromium(): string {
  if (process.getuid?.() === 0 && findCommand('apt-get') !== undefined) {
    console.log('Installing chromium with apt for the browser tests ...');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const words = ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'fonts-liberation'];
    if (spawnSync('apt-get', words, { env, stdio: 'inherit' }).status !== 0) {
      spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'inherit' });
      spawnSync('apt-get', words, { env, stdio: 'inherit' });
    }
  }
  const browser = findBrowser();
  if (browser !== undefined) return browser;
  throw new Error(
    'The browser tests need a Chromium: install chromium (Debian: apt-get install chromium) or Google Chrome,\n' +
      'or set CHROMIUM=/path/to/it.',
  );
}
