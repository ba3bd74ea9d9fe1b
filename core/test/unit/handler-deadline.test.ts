import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createHttp } from '../../src/http/fastify.ts';
import { createLog } from '../../src/log.ts';

const deadlineMs = 50;

async function serve() {
  const app = createHttp({ log: createLog('test', 'silent'), handlerTimeoutMs: deadlineMs });
  onTestFinished(() => app.close());
  app.get('/never', () => new Promise(() => undefined));
  app.get('/at-once', () => ({ done: true }));
  app.get('/late', async () => {
    await delay(2 * deadlineMs);
    return { done: true };
  });
  app.get('/begun', (_request, reply) => {
    reply.hijack();
    reply.raw.write('begun');
  });
  return app.listen({ host: '127.0.0.1', port: 0 });
}

test('a handler that takes too long is answered for: 503 timeout, and when to ask again', async () => {
  const url = await serve();
  for (const path of ['/never', '/late']) {
    const answer = await fetch(`${url}${path}`);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.json()).toMatchObject({ code: 'timeout' });
  }
});

test('a handler that is done in time, and an answer that it keeps writing itself, are left alone', async () => {
  const url = await serve();
  const atOnce = await fetch(`${url}/at-once`);
  expect(await atOnce.json()).toEqual({ done: true });
  const begun = await fetch(`${url}/begun`);
  const reader = begun.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? '').toString()).toBe('begun');
  const next = reader?.read();
  await expect(Promise.race([next, delay(3 * deadlineMs, 'still open')])).resolves.toBe('still open');
  await reader?.cancel();
});
