import { readFileSync } from 'node:fs';
import { createRegistry } from '@ropeline/core/metrics.ts';
import { expect, test } from 'vitest';
import { createMetrics } from '../../src/metrics.ts';

const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');

test('every metric of the gateway is on the page, with its type and labels, and no other', async () => {
  const registry = createRegistry(false);
  createMetrics(registry);
  const known = (await registry.getMetricsAsJSON()).map(({ name, type }) => {
    const { labelNames = [] } = registry.getSingleMetric(name) as unknown as { labelNames?: string[] };
    return `${name} ${type} ${labelNames.join(', ')}`.trim();
  });
  const documented = [...page.matchAll(/^\| `(ropeline_gateway_\w+)` \| (\w+) \| ([\w, ]*?) *\|/gm)].map(
    ([, name, type, labels]) => `${name} ${type} ${labels}`.trim(),
  );
  expect(known.length).toBeGreaterThan(15);
  expect(documented.sort()).toEqual(known.sort());
});

test('labels of a room are its own, and a lane that is gone leaves the queue depth', async () => {
  const registry = createRegistry(false);
  const { ofRoom } = createMetrics(registry);
  const room = ofRoom('one');
  ofRoom('two').joined('waiting');
  room.joined('waiting');
  room.joined('sold-out');
  room.counts(['standard', 'priority'], [], 3);
  room.counts(['standard'], [], 4);
  const text = await registry.metrics();
  expect(text).toContain('ropeline_gateway_joins_total{room="one",outcome="sold-out"} 1');
  expect(text).toContain('ropeline_gateway_joins_total{room="two",outcome="waiting"} 1');
  expect(text).toContain('ropeline_gateway_queue_depth{room="one",lane="standard"} 0');
  expect(text).not.toContain('lane="priority"');
  expect(text).toContain('ropeline_gateway_active_sessions{room="one"} 4');
});

test('a proxied request that the upstream answered is no error, whatever it answered', async () => {
  const registry = createRegistry(false);
  const { observeProxied } = createMetrics(registry);
  observeProxied({ status: 500, headMs: 12, result: 'answered' });
  observeProxied({ status: undefined, headMs: 3_000, result: 'timeout' });
  const text = await registry.metrics();
  expect(text).toContain('proxy_duration_seconds_count{result="answered",status="5xx"} 1');
  expect(text).toContain('proxy_errors_total{code="gateway-timeout"} 1');
  expect(text.match(/^ropeline_gateway_proxy_errors_total\{/gm)).toHaveLength(1);
});
