import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import type { Options } from 'k6/options';
import { call, tell } from '../lib/source-call.ts';
import { summarise } from '../lib/source-report.ts';

/**
 * The coupon system's tests: 50 users for 30 s, then 500, 1,000 and 2,000. Every call is another user's, and nobody
 * pauses between two: the next is sent when the last is answered.
 */
const stage = Number(__ENV['STAGE_SECONDS'] ?? 20);
const steadySeconds = Number(__ENV['STEADY_SECONDS'] ?? 30);
const ramp = [500, 1_000, 2_000].flatMap((target) => [
  { target, duration: '2s' },
  { target, duration: `${stage}s` },
]);

export const options: Options = {
  scenarios: {
    steady: {
      executor: 'constant-vus',
      vus: 50,
      duration: `${steadySeconds}s`,
      gracefulStop: '10s',
      exec: 'steady',
    },
    ramp: {
      executor: 'ramping-vus',
      startTime: `${steadySeconds + 5}s`,
      startVUs: 0,
      stages: ramp,
      gracefulStop: '10s',
      gracefulRampDown: '10s',
      exec: 'ramping',
    },
  },
  thresholds: { http_req_failed: ['rate<0.05'], issue_ramp: ['p(95)<2000'] },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

http.setResponseCallback(http.expectedStatuses(202));
const times = { steady: new Trend('issue_steady', true), ramp: new Trend('issue_ramp', true) };

export function steady(): void {
  issue('steady');
}

export function ramping(): void {
  issue('ramp');
}

function issue(phase: 'steady' | 'ramp'): void {
  const userId = `${exec.vu.idInTest}-${exec.vu.iterationInInstance}-${phase}`;
  const answer = call({
    method: 'POST',
    path: '/coupon/issue',
    name: 'issue',
    body: {
      userId,
      couponId: 104,
      policyId: 1,
      typeSnapshot: 'RATE',
      discountRateSnapshot: 10,
      expiredAt: '2027-12-31T23:59:59',
    },
  });
  times[phase].add(answer.timings.duration);
  const outcome = answer.status === 202 ? String(answer.json('outcome')) : '-';
  tell([userId, answer.status, outcome, Date.now()]);
}

export const handleSummary = summarise;
