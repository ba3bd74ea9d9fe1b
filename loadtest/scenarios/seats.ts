import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import type { Options } from 'k6/options';
import { call, logInAs, prepared, tell } from '../lib/source-call.ts';
import { summarise } from '../lib/source-report.ts';

/**
 * The musical system's tests. Two members ask for the same seat at the same moment, seat by seat of a full house.
 * Then 600 users read lists and seat maps, first as the database has them, then from memory.
 */
const seats = 140;
const users = 600;
const seconds = Number(__ENV['READ_SECONDS'] ?? 25);
const reading = (startSeconds: number, exec: string) => ({
  executor: 'ramping-vus' as const,
  startTime: `${startSeconds}s`,
  startVUs: 0,
  stages: [
    { target: users, duration: '5s' },
    { target: users, duration: `${seconds}s` },
  ],
  gracefulRampDown: '5s',
  gracefulStop: '5s',
  exec,
});
const pairsSeconds = 15;

export const options: Options = {
  scenarios: {
    pairs: {
      executor: 'per-vu-iterations',
      vus: 1,
      iterations: seats,
      maxDuration: `${pairsSeconds}s`,
      exec: 'pair',
    },
    database: reading(pairsSeconds, 'fromDatabase'),
    memory: reading(pairsSeconds + seconds + 15, 'fromMemory'),
  },
  thresholds: {
    http_req_failed: ['rate<0.2'],
    read_database: ['p(90)<3000'],
    read_memory: ['p(90)<3000'],
  },
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
};

http.setResponseCallback(http.expectedStatuses(200, 400));
const times = {
  database: new Trend('read_database', true),
  memory: new Trend('read_memory', true),
  lists: new Trend('read_lists', true),
};
const maps = { database: new Counter('maps_database'), memory: new Counter('maps_memory') };

type Tokens = { readonly tokens: readonly string[] };

export function setup(): Tokens {
  return { tokens: [logInAs('testuser1'), logInAs('testuser2')] };
}

export function pair({ tokens }: Tokens): void {
  const seatName = `A${__ITER + 1}`;
  const answers = http.batch(
    tokens.map((Authorization) =>
      prepared({
        method: 'POST',
        path: '/api/reservations/1',
        name: 'reservation',
        body: { seatName },
        headers: { Authorization },
      }),
    ),
  );
  tell([seatName, ...answers.map(({ status }) => status), ...answers.map(({ timings }) => timings.duration)]);
}

export function fromDatabase(): void {
  read('database', 'db');
}

export function fromMemory(): void {
  read('memory', 'cached');
}

function read(from: 'database' | 'memory', path: 'db' | 'cached'): void {
  const musical = 1 + Math.floor(Math.random() * 200);
  for (const list of ['all', 'top5']) {
    times.lists.add(get(`/api/test/performance/musicals/${list}`, list));
  }
  times[from].add(get(`/api/test/performance/seats/${musical}/${path}`, path));
  maps[from].add(1);
}

function get(path: string, name: string): number {
  return call({ method: 'GET', path, name }).timings.duration;
}

export const handleSummary = summarise;
