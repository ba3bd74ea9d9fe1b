import { jobsPrefix, outboxQueueName } from '@ropeline/core/jobs/outbox-jobs.ts';
import { partitionOfOrder } from '@ropeline/core/stock/order-id.ts';
import { stockKeys } from '@ropeline/core/stock/stock-keys.ts';
import { expect, it } from 'vitest';
import { until } from '../../../testing/until.ts';
import { bearer, call } from '../support/http.ts';
import { openSite } from '../support/kill-points.ts';

type Line = Readonly<Record<string, unknown>> & { readonly process: string; readonly msg: string };

it("an order's id is the correlation id of every log line, event and dead letter that it leaves", async () => {
  const site = await openSite({ LOG_LEVEL: 'debug', SETTLE_PAYMENTS: 'false', RECONCILE_SECONDS: '1' });
  const { shop, redis } = site;
  const token = await shop.join();
  const settling = await site.spawn('ticket-service', undefined, { SETTLE_PAYMENTS: 'true' });
  const at = { ...shop.running, url: settling.url };
  const post = (path: string, json?: unknown) =>
    call(at, path, { method: 'POST', headers: { ...bearer(token), 'idempotency-key': path }, json });

  const { body } = await post('/api/orders', { offerId: 12, quantity: 1 });
  const orderId = String(body['orderId']);
  const keys = stockKeys(partitionOfOrder(orderId) ?? 0);
  // Postgres refuses it at first, takes it when it is told again, and its money is long in coming and going.
  await shop.pool.query('alter table offers drop constraint offers_never_oversold');
  await shop.pool.query(
    'alter table offers add constraint offers_never_oversold check (taken <= 0) not valid',
  );
  const workers = await site.spawn('workers');
  await until(() => workers.printed().includes('refused by Postgres'));
  await shop.pool.query('alter table offers drop constraint offers_never_oversold');
  await until(async () => (await shop.pool.query('select 1 from orders')).rowCount === 1);
  await shop.behave({ hangShare: 1 });
  expect((await post(`/api/orders/${orderId}/pay`)).status).toBe(202);
  await shop.behave({ hangShare: 0 });
  await until(async () => {
    await site.age(orderId);
    return (await redis.hget(keys.order(orderId), 'state')) === 'COMPLETED';
  });
  expect((await post(`/api/orders/${orderId}/cancel`)).status).toBe(200);
  await until(async () => (await shop.charges())['refunded'] === 1);

  const lines = [settling, workers].flatMap((service) =>
    service
      .printed()
      .split('\n')
      .filter((line) => line.includes(orderId))
      .map((line) => JSON.parse(line) as Line),
  );
  expect(new Set(lines.map(({ process }) => process))).toEqual(new Set(['ticket-service', 'workers']));
  const messages = new Set(lines.map(({ msg }) => msg));
  for (const message of [
    'order moved',
    'payment asked for again',
    'order refused by Postgres: a dead letter',
  ])
    expect([...messages]).toContain(message);
  for (const line of lines) expect(line['correlationId'], JSON.stringify(line)).toBe(orderId);

  const { rows: letters } = await shop.pool.query('select queue, subject, payload from dead_letters');
  expect(letters).toMatchObject([
    { queue: outboxQueueName(partitionOfOrder(orderId) ?? 0), subject: `${orderId}:1`, payload: { orderId } },
  ]);
  const expected = [
    ...['order.reserved', 'order.paying', 'order.completed', 'order.cancelled'],
    ...['payment.begun', 'payment.unknown', 'payment.paid', 'refund.due', 'refund.made'],
  ].sort();
  const types = async (): Promise<readonly string[]> => {
    const { rows } = await shop.pool.query<{ type: string }>(
      'select distinct type from events where correlation_id = $1 order by type',
      [orderId],
    );
    return rows.map(({ type }) => type);
  };
  await expect.poll(types).toEqual(expected);
});

it('a range job has a correlation id of its own, which every line about it carries', async () => {
  const site = await openSite({ LOG_LEVEL: 'debug', SETTLE_PAYMENTS: 'false', RECONCILE_SECONDS: '0' });
  const { shop, redis } = site;
  const token = await shop.join();
  const { body } = await shop.order(token, { offerId: 12, quantity: 1 });
  const partition = partitionOfOrder(String(body['orderId'])) ?? 0;
  const [[first] = ['']] = await redis.xrange(stockKeys(partition).outbox, '-', '+', 'COUNT', 1);
  const correlationId = `range:${partition}:${first}`;
  // It cannot be written now, and will be refused when it can.
  await shop.pool.query('alter table orders rename to orders_elsewhere');
  await shop.pool.query('alter table offers add constraint nothing_taken check (taken <= 0) not valid');
  const workers = await site.spawn('workers');
  const lines = (...words: readonly string[]) =>
    workers
      .printed()
      .split('\n')
      .filter((line) => words.some((word) => line.includes(`"msg":"${word}"`)))
      .map((line) => JSON.parse(line) as Line);
  const failed = await until(() => lines('range not persisted, tried again')[0]);
  expect(failed['correlationId']).toBe(correlationId);
  const jobs = await redis.keys(`${jobsPrefix(partition)}:${outboxQueueName(partition)}:[0-9]*`);
  const texts = await Promise.all(jobs.map((key) => redis.hget(key, 'data').catch(() => null)));
  expect(texts.flatMap((text) => (text === null ? [] : [JSON.parse(text)]))).toEqual([
    expect.objectContaining({ partition, first, correlationId }),
  ]);

  await shop.pool.query('alter table orders_elsewhere rename to orders');
  const words = ['range handed on', 'range persisted', 'ranges are persisted again'];
  await until(() => words.every((word) => lines(word).length > 0));
  for (const line of lines(...words)) expect(line['correlationId'], line.msg).toBe(correlationId);
  const [refused] = lines('order refused by Postgres: a dead letter');
  expect(refused).toMatchObject({ correlationId: body['orderId'], range: correlationId });
});
