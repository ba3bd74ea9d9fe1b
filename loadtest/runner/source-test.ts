import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog } from '@ropeline/core/log.ts';
import { connectPostgres, type Pool } from '@ropeline/core/postgres/connect.ts';
import { bySecond } from '../check/backlog.ts';
import { BacklogWatch } from '../check/backlog-watch.ts';
import { type Section, type TestReport, testMarkdown } from '../check/source-report.ts';
import { type Check, passed } from '../check/verdict.ts';
import type { Summary } from '../lib/summary.ts';
import type { K6 } from './find-k6.ts';
import { describeMachine } from './machine.ts';
import { filesIn, runK6 } from './run-k6.ts';
import type { Addresses } from './stack.ts';

/** A test of one replaced system: its k6 script, and how its outcome is judged. */
export type SourceTest = {
  readonly title: string;
  readonly what: string;
  /** Offer whose stock is looked at while it runs. */
  readonly offerId: number;
  /** Longer than its script takes. */
  readonly limitSeconds: number;
  readonly settings: Readonly<Record<string, string | number>>;
  /** For the script. */
  readonly env: Readonly<Record<string, string>>;
  readonly prepare?: (addresses: Addresses) => Promise<void>;
  readonly judge: (
    facts: Facts,
  ) => Promise<{ readonly checks: readonly Check[]; readonly sections: readonly Section[] }>;
};

export type Facts = {
  /** The lines that the script told. */
  readonly lines: string;
  readonly summary: Summary;
  readonly watch: BacklogWatch;
  readonly pool: Pool;
};

type Place = {
  readonly name: string;
  readonly test: SourceTest;
  readonly addresses: Addresses;
  readonly k6: K6;
  readonly root: string;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
};

export type TestResult = { readonly report: TestReport; readonly markdown: string; readonly passed: boolean };

/** Runs the script straight at the ticket service while the outbox is watched, waits until it is empty, judges. */
export async function runSourceTest(place: Place): Promise<TestResult> {
  const { name, test, addresses, k6, folder, signal, say } = place;
  const pool = connectPostgres(addresses.database, {
    name: 'loadtest',
    log: createLog('loadtest', 'silent'),
    maxConnections: 1,
    statementTimeoutMs: 60_000,
  });
  await test.prepare?.(addresses);
  const watch = await BacklogWatch.start(addresses.ticketRedis, test.offerId);
  try {
    say(`${name}: ${test.what}`);
    const files = filesIn(folder);
    const script = join(place.root, 'loadtest', 'scenarios', `${name}.ts`);
    const env = { BASE_URL: addresses.ticket, ...test.env };
    await runK6(k6.path, script, env, { files, limitMs: test.limitSeconds * 1_000, signal });
    if (signal.aborted) throw new Error('Stopped before the end: nothing was judged.');
    await watch.untilEmpty(60_000);
    const lines = readFileSync(files.stories, 'utf8');
    // Decode boundary: written by the script's handleSummary.
    const summary = JSON.parse(readFileSync(files.summary, 'utf8')) as Summary;
    const { checks, sections } = await test.judge({ lines, summary, watch, pool });
    const report: TestReport = {
      title: test.title,
      what: test.what,
      date: new Date().toISOString().slice(0, 10),
      machine: describeMachine({
        k6: k6.version,
        redis: /redis_version:(\S+)/.exec(await watch.redis.info('server'))?.[1] ?? 'unknown',
        postgres:
          (await pool.query<{ server_version: string }>('show server_version')).rows[0]?.server_version ?? '',
      }),
      settings: { ...test.settings, entryRequired: false, straightAt: 'ticket service' },
      checks,
      sections,
    };
    return {
      report,
      markdown: testMarkdown(report, readFileSync(files.report, 'utf8')),
      passed: passed(checks),
    };
  } finally {
    watch.stop();
    await pool.end();
  }
}

/** The watched offer and the outboxes, second by second. */
export function backlogSection(watch: BacklogWatch): Section {
  return {
    title: 'Backlog over time',
    head: ['second', 'units taken in it', 'outbox, most in it', 'outbox at its end'],
    rows: bySecond(watch.looks),
  };
}

/** The outboxes alone. */
export function outboxSection(watch: BacklogWatch): Section {
  return {
    title: 'Outbox over time',
    head: ['second', 'outbox, most in it', 'outbox at its end'],
    rows: bySecond(watch.looks).map(([second, , peak, end]) => [second, peak, end]),
  };
}
