import { settings } from './settings.ts';
import type { Summary } from './summary.ts';

const counters = [
  ['visitors_joined', 'joined'],
  ['visitors_admitted', 'admitted'],
  ['visitors_entered', 'entered'],
  ['visitors_logged_in', 'logged in (or had the token)'],
  ['orders_reserved', 'reserved'],
  ['orders_completed', 'paid: completed'],
  ['orders_declined', 'payment declined'],
  ['orders_refused', 'refused at the reserve: sold out or all held'],
  ['visitors_told_sold_out', 'told while waiting that all is sold'],
  ['visitors_answered', 'had an answer'],
  ['visitor_errors', 'errors, mended ones included'],
  ['sockets_reopened', 'sockets opened again'],
  ['requests_told_later', '503 with Retry-After'],
] as const;

const trends = ['http_req_duration', 'admitted_to_told', 'arrival_to_answer'] as const;

/** The run in words and numbers, for a terminal or a file. */
export function report({ metrics, state }: Summary): string {
  const value = (name: string, key: string): number => metrics[name]?.values[key] ?? 0;
  const lines = [
    `${settings.variant}: ${settings.visitors} visitors in ${settings.arrivalSeconds} s, ` +
      `${(state.testRunDurationMs / 1_000).toFixed(1)} s in all`,
    '',
    ...counters.map(([name, words]) => row(words, value(name, 'count').toFixed(0))),
    '',
    row('requests', value('http_reqs', 'count').toFixed(0)),
    row('failed (http_req_failed)', share(value('http_req_failed', 'rate'))),
    row('without a valid answer (requests_unresolved)', share(value('requests_unresolved', 'rate'))),
    '',
    ...trends
      .filter((name) => value(name, 'max') > 0)
      .map((name) =>
        row(
          name,
          ['med', 'p(95)', 'p(99)', 'max'].map((key) => `${key} ${value(name, key).toFixed(0)}`).join(', ') +
            ' ms',
        ),
      ),
    '',
    ...thresholds(metrics),
  ];
  return `${lines.join('\n')}\n`;
}

function thresholds(metrics: Summary['metrics']): readonly string[] {
  return Object.entries(metrics).flatMap(([name, metric]) =>
    Object.entries(metric?.thresholds ?? {}).map(([rule, { ok }]) =>
      row(`${name} ${rule}`, ok ? 'kept' : 'BROKEN'),
    ),
  );
}

function row(words: string, value: string): string {
  return `  ${words.padEnd(48)} ${value}`;
}

function share(rate: number): string {
  return `${(rate * 100).toFixed(3)} %`;
}
