import http from 'k6/http';
import type { Options } from 'k6/options';
import { call, tell } from '../lib/source-call.ts';
import { summarise } from '../lib/source-report.ts';

/** The time-deal system's test: 150 reserves of one piece, 50 at once, on 100 pieces; then all that was reserved is sold. */
const product_id = 1;

export const options: Options = {
  scenarios: { reserves: { executor: 'shared-iterations', vus: 50, iterations: 150, maxDuration: '60s' } },
  thresholds: { http_req_failed: ['rate==0'] },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

http.setResponseCallback(http.expectedStatuses(200, 409));

export default function reserve(): void {
  const answer = post('reserve', { product_id, quantity: 1 });
  tell(['reserve', answer.status]);
}

export function teardown(): void {
  const reserved = post('get', { product_id }).json('reserved');
  tell(['reserved', String(reserved)]);
  const sold = post('confirm', { product_id, quantity: Number(reserved) });
  tell(['confirm', sold.status]);
  const left = post('get', { product_id });
  tell(['left', String(left.json('quantity')), String(left.json('reserved'))]);
}

function post(what: string, body: object): ReturnType<typeof call> {
  return call({ method: 'POST', path: `/api/stock/${what}`, name: what, body });
}

export const handleSummary = summarise;
