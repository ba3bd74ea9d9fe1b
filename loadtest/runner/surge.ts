import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Rules } from '../check/admission-bound.ts';
import { type Ledger, readLedger, untilRetriesDone } from '../check/ledger.ts';
import { outboxEmptyAfter } from '../check/outbox.ts';
import { delaysOf, type Report, timeline, troublesOf, unansweredBecause } from '../check/report.ts';
import { markdown } from '../check/report-markdown.ts';
import { readRecord } from '../check/room-record.ts';
import { RoomWatch, type Sample } from '../check/room-watch.ts';
import { countOutcomes, readStories } from '../check/stories.ts';
import { type Check, judge, passed } from '../check/verdict.ts';
import type { Summary } from '../lib/summary.ts';
import type { K6 } from './find-k6.ts';
import { logInAll } from './log-in-all.ts';
import { describeMachine } from './machine.ts';
import type { Options } from './options.ts';
import { filesIn, type K6Run, runK6 } from './run-k6.ts';
import type { Addresses } from './stack.ts';

const room = 'demo';
const offerId = 1;
const declineShare = 0.2;
const retrySeconds = 60;
/** Beyond this the outbox is not coming to its end. */
const outboxWaitMs = 30_000;

/** How long a visitor waits for the turn: far above what the whole crowd needs at the set rate. */
function patienceSeconds({ visitors, ratePerMinute }: Options): number {
  return Math.max(300, Math.ceil((visitors / ratePerMinute) * 60 * 1.5));
}

type Place = {
  readonly options: Options;
  readonly addresses: Addresses;
  readonly k6: K6;
  readonly script: string;
  /** For the files of the run. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
};

type Result = { readonly report: Report; readonly markdown: string; readonly passed: boolean };

/**
 * One run: looks that the offer is unsold, makes tokens if asked, watches Redis while k6 sends the crowd, waits for
 * the outbox, and judges what Redis, Postgres and the visitors say.
 */
export async function surge(place: Place): Promise<Result> {
  const { options, addresses, say, signal } = place;
  const files = filesIn(place.folder);
  const watch = await RoomWatch.start({
    redisUrl: addresses.redis,
    ticketRedisUrl: addresses.ticketRedis,
    room,
    offerId,
  });
  try {
    const before = await readLedger(addresses.database, offerId);
    if (before.orders.length > 0) {
      throw new Error(
        `Offer ${offerId} has ${before.orders.length} orders already: begin anew with npm start -- --reset.`,
      );
    }
    const env = await environment(place, before);
    const first = await watch.rulesNow();
    say(`${options.variant}: ${options.visitors} visitors within ${options.arrivalSeconds} s ...`);
    const started = Date.now();
    const progress = setInterval(() => say(progressLine(watch, started)), 2_000);
    try {
      const limitMs = (options.arrivalSeconds + patienceSeconds(options) + 2 * retrySeconds + 120) * 1_000;
      await runK6(place.k6.path, place.script, env, { files, limitMs, signal });
      if (signal.aborted) throw new Error('Stopped before the end: nothing was judged.');
      await untilOutboxEmpty(watch);
      await untilRetriesDone(addresses.database);
    } finally {
      clearInterval(progress);
    }
    return await conclude(place, { files, watch, first });
  } finally {
    watch.stop();
  }
}

async function environment(place: Place, ledger: Ledger): Promise<Record<string, string>> {
  const { options, addresses, say } = place;
  const tokensFile = join(place.folder, 'tokens.json');
  if (options.variant === 'logged-in') {
    say(`Logging ${options.visitors} members in before the run ...`);
    const tokens = await logInAll(addresses.ticket, options.visitors, say);
    writeFileSync(tokensFile, JSON.stringify(tokens), { mode: 0o600 });
  }
  const values = {
    VARIANT: options.variant,
    BASE_URL: options.variant === 'direct' ? addresses.ticket : addresses.gateway,
    CONTROL_URL: addresses.control,
    PAYMENT_URL: addresses.payment,
    OPERATOR_TOKEN: addresses.operatorToken ?? process.env['OPERATOR_TOKEN'] ?? '',
    ROOM: room,
    OFFER_ID: offerId,
    VUS: options.visitors,
    ARRIVAL_SECONDS: options.arrivalSeconds,
    RATE_PER_MINUTE: options.ratePerMinute,
    CAPACITY: options.capacity,
    QUANTITY: options.quantity,
    DECLINE_SHARE: declineShare,
    PATIENCE_SECONDS: patienceSeconds(options),
    RETRY_SECONDS: retrySeconds,
    EXPECT_COMPLETED: sellsOut(options, ledger.capacity) ? ledger.capacity / options.quantity : 0,
    TOKENS_FILE: options.variant === 'logged-in' ? tokensFile : '',
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

/** Enough visitors that even an unlucky share of declined payments leaves buyers for every unit. */
function sellsOut({ variant, visitors, quantity }: Options, units: number): boolean {
  const wanted = visitors * quantity * (1 - declineShare);
  return variant !== 'direct' && units % quantity === 0 && wanted >= 2 * units;
}

function progressLine(watch: RoomWatch, started: number): string {
  const { waiting, held, sold, outbox } = watch.samples.at(-1) as Sample;
  const seconds = String(Math.round((Date.now() - started) / 1_000)).padStart(4);
  return `${seconds} s: ${waiting} waiting, ${watch.admitted} admitted, ${sold} sold, ${held} held, outbox ${outbox}`;
}

async function untilOutboxEmpty(watch: RoomWatch): Promise<void> {
  const deadline = Date.now() + outboxWaitMs;
  while ((await watch.sample()).outbox > 0 && Date.now() < deadline) await delay(20);
}

async function conclude(
  place: Place,
  { files, watch, first }: { readonly files: K6Run; readonly watch: RoomWatch; readonly first: Rules },
): Promise<Result> {
  const { options, addresses, k6, say } = place;
  const stories = readStories(readFileSync(files.stories, 'utf8'));
  const summary = JSON.parse(readFileSync(files.summary, 'utf8')) as Summary;
  const ledger = await readLedger(addresses.database, offerId);
  const record = options.variant === 'direct' ? undefined : readRecord(watch.messages);
  const checks = judge({
    visitors: options.visitors,
    sellsOut: sellsOut(options, ledger.capacity),
    stories,
    failed: {
      plain: summary.metrics['http_req_failed']?.values['rate'] ?? 1,
      unresolved: summary.metrics['requests_unresolved']?.values['rate'] ?? 1,
    },
    stock: await watch.stock(),
    ledger,
    outboxEmptyAfterMs: outboxEmptyAfter(watch.samples, stories),
    room:
      record === undefined
        ? undefined
        : { record, rules: await watch.rulesSince(first), capacity: options.capacity },
  });
  const start = stories.reduce(
    (least, { arrivedAt }) => Math.min(least, arrivedAt),
    Number.POSITIVE_INFINITY,
  );
  const report: Report = {
    variant: options.variant,
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine({ k6: k6.version, redis: await watch.redisVersion(), postgres: ledger.version }),
    settings: {
      visitors: options.visitors,
      arrivalSeconds: options.arrivalSeconds,
      quantity: options.quantity,
      declineShare,
      ...(record === undefined
        ? { entryRequired: false }
        : {
            ratePerMinute: options.ratePerMinute,
            capacity: options.capacity,
            stockFollow: options.variant === 'surge',
            gateways: options.gateways,
          }),
    },
    checks,
    outcomes: countOutcomes(stories),
    unanswered: unansweredBecause(stories, options.visitors),
    troubles: troublesOf(stories),
    delays: delaysOf(stories, record),
    peakOutbox: watch.samples.reduce((most, { outbox }) => Math.max(most, outbox), 0),
    timeline: timeline(watch.samples, record, start),
  };
  const k6Report = readFileSync(files.report, 'utf8');
  say(`\n${k6Report}`);
  for (const line of verdictLines(checks)) say(line);
  return { report, markdown: markdown(report, k6Report), passed: passed(checks) };
}

export function verdictLines(checks: readonly Check[]): readonly string[] {
  const words = (kept: boolean | undefined): string =>
    kept === undefined ? 'not judged' : kept ? 'kept' : 'MISSED';
  return checks.map(({ goal, found, kept }) => `  ${words(kept).padEnd(10)} ${goal}: ${found}`);
}
