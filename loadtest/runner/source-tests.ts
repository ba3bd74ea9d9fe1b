import { request } from 'undici';
import { judgeCoupon, readIssues } from '../check/coupon.ts';
import { judgeHotel, readBookCalls } from '../check/hotel.ts';
import { judgeSeats, readPairs } from '../check/seats.ts';
import { judgeTimeDeal, readTimeDeal } from '../check/time-deal.ts';
import type { Summary } from '../lib/summary.ts';
import { backlogSection, outboxSection, type SourceTest } from './source-test.ts';
import type { Addresses } from './stack.ts';

const couponPieces = 5_000_000;
const hotel = { users: 255, rooms: 200, days: 730 } as const;

/** The tests of the replaced systems. `seconds` shortens those that load for a set time. */
export function sourceTests(seconds: number | undefined): Readonly<Record<string, SourceTest>> {
  return {
    coupon: coupon(seconds),
    stock: timeDeal,
    seats: seats(seconds ?? 25),
    hotel: hotelTest(seconds ?? 180),
  };
}

function coupon(seconds: number | undefined): SourceTest {
  const [steadySeconds, stageSeconds] = [seconds ?? 30, seconds ?? 20];
  return {
    title: 'First-come coupons',
    what: `50 users for ${steadySeconds} s, then 500, 1,000 and 2,000 for ${stageSeconds} s each, every call another user's, without a pause.`,
    offerId: 104,
    limitSeconds: steadySeconds + 3 * stageSeconds + 90,
    settings: { pieces: couponPieces, steadySeconds, stageSeconds },
    env: { STEADY_SECONDS: String(steadySeconds), STAGE_SECONDS: String(stageSeconds) },
    prepare: makeEnoughCoupons,
    async judge({ lines, summary, watch, pool }) {
      const { rows } = await pool.query<{ member_id: string }>(
        'select member_id from orders where offer_id = 104',
      );
      const issues = readIssues(lines);
      const checks = judgeCoupon({
        issues,
        holders: rows.map(({ member_id }) => member_id),
        looks: watch.looks,
        p95Ms: {
          steady: trend(summary, 'issue_steady', 'p(95)'),
          ramp: trend(summary, 'issue_ramp', 'p(95)'),
        },
      });
      return { checks, sections: [backlogSection(watch)] };
    },
  };
}

const timeDeal: SourceTest = {
  title: 'Time-deal stock',
  what: '150 reserves of one piece, 50 at once, on 100 pieces; then all that was reserved is sold.',
  offerId: 1,
  limitSeconds: 90,
  settings: { reserves: 150, atOnce: 50, pieces: 100 },
  env: {},
  judge: async ({ lines }) => ({ checks: judgeTimeDeal(readTimeDeal(lines)), sections: [] }),
};

function seats(seconds: number): SourceTest {
  return {
    title: 'Musical seats',
    what: `Two members on each of 140 seats at the same moment; then 600 users on lists and seat maps, ${seconds} s from the database and ${seconds} s from memory.`,
    offerId: 1,
    limitSeconds: 2 * seconds + 120,
    settings: { users: 600, musicals: 200, seatsEach: 140, readSeconds: seconds },
    env: { READ_SECONDS: String(seconds) },
    async judge({ lines, summary, pool }) {
      const { rows } = await pool.query<{ unit: string }>(
        `select unit from order_units join source_offers using (offer_id) where kind = 'musical' and source_id = 1`,
      );
      const p90Ms = {
        database: trend(summary, 'read_database', 'p(90)'),
        memory: trend(summary, 'read_memory', 'p(90)'),
      };
      const failed = trend(summary, 'http_req_failed', 'rate');
      const checks = judgeSeats({
        pairs: readPairs(lines),
        sold: rows.map(({ unit }) => unit),
        p90Ms,
        failed,
      });
      return { checks, sections: [mapsSection(summary, seconds)] };
    },
  };
}

function mapsSection(
  summary: Summary,
  seconds: number,
): Awaited<ReturnType<SourceTest['judge']>>['sections'][number] {
  const of = (from: string): readonly (string | number)[] => [
    from,
    (trend(summary, `maps_${from}`, 'count') / (seconds + 5)).toFixed(0),
    ...['med', 'p(90)', 'p(99)', 'max'].map((key) => trend(summary, `read_${from}`, key).toFixed(0)),
  ];
  return {
    title: 'Seat maps: database against memory',
    head: ['from', 'maps a second (and two lists each)', 'median ms', 'p90 ms', 'p99 ms', 'longest ms'],
    rows: [of('database'), of('memory')],
  };
}

function hotelTest(seconds: number): SourceTest {
  const { users, rooms, days } = hotel;
  return {
    title: 'Hotel bookings',
    what: `${users} users book and pay for stays of 1 to 3 nights in ${rooms} rooms on random dates of ${days} days, ${seconds} s, without a pause.`,
    offerId: 1,
    limitSeconds: seconds + 120,
    settings: { users, rooms, days, seconds },
    env: { SECONDS: String(seconds), ROOMS: String(rooms), DAYS: String(days) },
    async judge({ lines, watch, pool }) {
      const { rows } = await pool.query<{ stay: string }>(
        `select room_id || ' ' || (start_date - date '2027-01-01') || ' ' || (end_date - start_date) as stay
         from source_books join orders using (order_id) where orders.state = 'COMPLETED'`,
      );
      const checks = judgeHotel({ calls: readBookCalls(lines), stays: rows.map(({ stay }) => stay) });
      return { checks, sections: [outboxSection(watch)] };
    },
  };
}

/** As its host does: 10,000 pieces would be gone within seconds. */
async function makeEnoughCoupons({ ticket }: Addresses): Promise<void> {
  const json = { 'content-type': 'application/json' };
  const session = await request(`${ticket}/api/sessions`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ id: 'host1', password: 'qwer1234' }),
  });
  const { accessToken } = (await session.body.json()) as { accessToken: string };
  const changed = await request(`${ticket}/api/offers/104`, {
    method: 'PATCH',
    headers: { ...json, authorization: `Bearer ${accessToken}` },
    body: JSON.stringify({ capacity: couponPieces }),
  });
  if (changed.statusCode !== 200)
    throw new Error(`PATCH of the coupon: ${changed.statusCode} ${await changed.body.text()}`);
}

function trend({ metrics }: Summary, name: string, key: string): number {
  return metrics[name]?.values[key] ?? Number.NaN;
}
