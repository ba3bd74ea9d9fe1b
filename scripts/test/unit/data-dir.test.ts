import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { openDataDir, wipeDataDir } from '../../start/data-dir.ts';
import { lockFolder } from '../../start/lock.ts';
import { identify } from '../../start/process-identity.ts';
import { loadSecrets } from '../../start/secrets.ts';

let folder: string;
beforeEach(() => {
  folder = cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-dir-')), (path) =>
    rmSync(path, { recursive: true }),
  );
});

describe('the data folder', () => {
  test('is refused when it holds things that are not ours', () => {
    writeFileSync(join(folder, 'letter.txt'), 'dear');
    expect(() => openDataDir(folder)).toThrow('was not made by Ropeline');
    expect(() => wipeDataDir(folder)).toThrow('nothing was deleted');
    expect(existsSync(join(folder, 'letter.txt'))).toBe(true);
  });

  test('is emptied by a reset and stays ours', () => {
    openDataDir(folder);
    mkdirSync(join(folder, 'postgres'));
    wipeDataDir(folder);
    expect(existsSync(join(folder, 'postgres'))).toBe(false);
    openDataDir(folder);
  });
});

describe('the lock', () => {
  test('is held by one process at a time', () => {
    const unlock = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(`process ${process.pid}`);
    unlock();
    lockFolder(folder)();
  });

  test('of a process that has died, or of another one with its number, is taken over', () => {
    const own = identify(process.pid);
    for (const holder of [
      { pid: 2 ** 22 + 1, since: '1' },
      { ...own, since: 'earlier' },
    ]) {
      writeFileSync(join(folder, 'lock'), JSON.stringify(holder));
      lockFolder(folder)();
    }
    writeFileSync(join(folder, 'lock'), '');
    lockFolder(folder)();
  });
});

describe('secrets', () => {
  test('are made once, readable by their owner only, and the same ever after', () => {
    const first = loadSecrets(folder, {});
    expect(loadSecrets(folder, {})).toEqual(first);
    expect(statSync(join(folder, 'place-secret')).mode & 0o777).toBe(0o600);
    const secretFile = first.env['PLACE_SECRET_FILE'] ?? '';
    expect(Buffer.from(readFileSync(secretFile, 'utf8').trim(), 'base64url')).toHaveLength(32);
    const { keys } = JSON.parse(readFileSync(first.env['ENTRY_KEYS'] ?? '', 'utf8'));
    expect(keys[0]).toMatchObject({
      kty: 'OKP',
      crv: 'Ed25519',
      kid: expect.any(String),
      d: expect.any(String),
    });
  });

  test('that the environment sets are used and written nowhere', () => {
    const { env, operatorToken } = loadSecrets(folder, {
      OPERATOR_TOKEN: 'the-operators-own-token',
      PLACE_SECRET: 'p',
    });
    expect(env['PLACE_SECRET']).toBe('p');
    expect(operatorToken).toBe('the-operators-own-token');
    expect(env['OPERATOR_TOKENS']).toMatch(/^operator:admin:[0-9a-f]{64}$/);
    expect(existsSync(join(folder, 'operator-token'))).toBe(false);
  });
});
