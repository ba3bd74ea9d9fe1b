import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { loadQueueAssets } from '../../src/data-plane/page/assets.ts';

function folder(): string {
  return cleanedUp(mkdtempSync(join(tmpdir(), 'ropeline-ui-')), (path) => rmSync(path, { recursive: true }));
}

it('serves what was built, immutable and by its own type, and nothing else of the folder', () => {
  const built = folder();
  mkdirSync(join(built, '.vite'));
  const entry = { file: 'main-1.js', isEntry: true, css: ['main-1.css'] };
  writeFileSync(join(built, '.vite/manifest.json'), JSON.stringify({ 'queue/main.ts': entry }));
  writeFileSync(join(built, 'main-1.js'), 'script');
  writeFileSync(join(built, 'main-1.css'), 'style');

  const assets = loadQueueAssets(built);
  expect(assets.missing).toBeUndefined();
  expect(assets.page).toEqual({
    script: '/_ropeline/assets/main-1.js',
    style: '/_ropeline/assets/main-1.css',
  });
  const script = assets.find('/_ropeline/assets/main-1.js');
  expect(script?.body.toString()).toBe('script');
  expect(script?.headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
  });
  expect(assets.find('/_ropeline/assets/.vite/manifest.json')).toBeUndefined();
  expect(assets.find('/_ropeline/assets/../../package.json')).toBeUndefined();
});

it('says what to do when nothing was built, and the page then needs no script', () => {
  const assets = loadQueueAssets(folder());
  expect(assets.missing).toMatch(/npm run build -w waiting-room-ui/);
  expect(assets.page).toEqual({});
});
