import { sleep } from 'k6';
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import type { Options } from 'k6/options';
import { call, prepared, tell } from '../lib/source-call.ts';
import { summarise } from '../lib/source-report.ts';

/**
 * The hotel system's test: 255 users book rooms for random dates, one stay after the other without a pause, 1 to 3
 * nights each. Who is told to come later does so once, as told.
 */
const seconds = Number(__ENV['SECONDS'] ?? 180);
const rooms = Number(__ENV['ROOMS'] ?? 200);
const firstDay = Date.UTC(2027, 0, 1);
const days = Number(__ENV['DAYS'] ?? 730);
const dayMs = 86_400_000;
const users = 255;

export const options: Options = {
  scenarios: {
    bookings: { executor: 'constant-vus', vus: users, duration: `${seconds}s`, gracefulStop: '30s' },
  },
  setupTimeout: '60s',
  thresholds: { http_req_failed: ['rate<0.01'], book: ['max<5000'] },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

http.setResponseCallback(http.expectedStatuses(200, 201, 202, 409, 503));
const times = new Trend('book', true);

type Rooms = { readonly ids: readonly number[] };

export function setup(): Rooms {
  const list = (): { id: number }[] =>
    call({ method: 'GET', path: '/rooms', name: 'rooms' }).json() as unknown as { id: number }[];
  const missing = rooms - list().length;
  const wish = prepared({ method: 'POST', path: '/rooms', name: 'room', body: { price: 120_000 } });
  for (let made = 0; made < missing; made += 5) {
    const answers = http.batch(Array.from({ length: Math.min(5, missing - made) }, () => wish));
    const refused = answers.find(({ status }) => status !== 201);
    if (refused !== undefined) throw new Error(`a room: ${refused.status} ${refused.body}`);
  }
  return { ids: list().map(({ id }) => id) };
}

export default function book({ ids }: Rooms): void {
  const roomId = ids[Math.floor(Math.random() * ids.length)] ?? 1;
  const from = Math.floor(Math.random() * days);
  const nights = 1 + Math.floor(Math.random() * 3);
  const retryAfter = ask(roomId, from, nights);
  if (retryAfter === undefined) return;
  sleep(retryAfter);
  ask(roomId, from, nights);
}

/** When to ask again, s, if told so. */
function ask(roomId: number, from: number, nights: number): number | undefined {
  const began = Date.now();
  const answer = call({
    method: 'POST',
    path: '/books',
    name: 'book',
    body: {
      roomId,
      price: nights * 120_000,
      startDate: dateOf(from),
      endDate: dateOf(from + nights),
      guestId: __VU,
    },
  });
  times.add(answer.timings.duration);
  const retryAfter = Number(answer.headers['Retry-After']);
  const code = String((answer.status >= 400 && answer.json('code')) || '-');
  tell([roomId, from, nights, answer.status, retryAfter > 0 ? retryAfter : 0, code, began, Date.now()]);
  return answer.status === 503 && retryAfter > 0 ? retryAfter : undefined;
}

/** As the original sends it: `20270105`. */
function dateOf(day: number): number {
  return Number(new Date(firstDay + day * dayMs).toISOString().slice(0, 10).replaceAll('-', ''));
}

export const handleSummary = summarise;
