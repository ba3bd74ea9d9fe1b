import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { cleanedUp } from '../../../testing/scope.ts';
import { addStorefront } from '../../src/plugins/storefront.ts';

function serve(files: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'ropeline-shop-'));
  cleanedUp(folder, () => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const app = cleanedUp(Fastify(), (it) => it.close());
  addStorefront(app, folder);
  return app;
}

it('serves the shop at / and its script for ever, under a policy that lets nothing else run', async () => {
  const app = serve({
    '.vite/manifest.json': '{}',
    'storefront/index.html': '<h1>shop</h1>',
    'storefront/index-1.js': 'script',
  });
  const page = await app.inject('/');
  expect(page.body).toBe('<h1>shop</h1>');
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
  });
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  const script = await app.inject('/storefront/index-1.js');
  expect(script.body).toBe('script');
  expect(script.headers['cache-control']).toContain('immutable');
  expect((await app.inject('/.vite/manifest.json')).statusCode).toBe(404);
});

it('still answers when the shop was not built', async () => {
  const page = await serve({}).inject('/');
  expect(page.statusCode).toBe(200);
  expect(page.body).toContain('not built');
});
