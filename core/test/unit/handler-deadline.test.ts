import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../../../testing/until.ts';
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

test('what comes of a handler after its answer was given for it is nobody’s to hear, nor a line in the log', async () => {
  const lines: unknown[] = [];
  const log = pino({ level: 'trace' }, { write: (line) => lines.push(JSON.parse(line)) });
  const app = createHttp({ log, handlerTimeoutMs: deadlineMs });
  onTestFinished(() => app.close());
  let late = 0;
  const lateBy = async () => {
    await delay(2 * deadlineMs);
    late += 1;
  };
  const fail = async () => {
    await lateBy();
    throw new Error('too late');
  };
  app.get('/handler', fail);
  app.get('/hook', { preHandler: fail }, () => ({ done: true }));
  app.get('/value', async () => {
    await lateBy();
    return { done: true };
  });
  app.get('/before', { preHandler: lateBy }, () => ({ done: true }));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  lines.length = 0;
  for (const path of ['/handler', '/hook', '/value', '/before'])
    expect((await fetch(`${url}${path}`)).status).toBe(503);
  await until(() => late === 4);
  await new Promise(setImmediate);
  expect(lines).toEqual([]);
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
