import type { Report } from './report.ts';
import { passed } from './verdict.ts';

/** The report in words and tables. */
export function markdown(report: Report, k6Report: string): string {
  const { variant, date, machine, settings, checks, outcomes, unanswered, troubles, delays } = report;
  return `${[
    `# ${title[variant] ?? variant}`,
    '',
    `**${passed(checks) ? 'Every goal that is judged was kept' : 'A goal was missed'}.** ${date}.`,
    '',
    '| goal | found | |',
    '|---|---|---|',
    ...checks.map(({ goal, found, kept }) => `| ${goal} | ${found} | ${mark(kept)} |`),
    '',
    '## The crowd',
    '',
    ...table(['outcome', 'visitors'], Object.entries(outcomes)),
    '',
    ...counted('left without an answer because', unanswered, 'No visitor was left without an answer.'),
    '',
    ...counted('went wrong on the way, mended or not', troubles, 'Nothing went wrong on the way.'),
    '',
    ...table(
      ['delay, ms', 'median', 'p95', 'p99', 'max'],
      Object.entries(delays).map(([name, { p50, p95, p99, max }]) => [name, p50, p95, p99, max]),
    ),
    '',
    'k6 takes about one of the cores: latencies say little here; counts, failures and order are the result.',
    '',
    '## Machine and settings',
    '',
    ...table(['what', 'value'], Object.entries({ ...machine, ...settings })),
    '',
    '## Second by second',
    '',
    ...table(
      ['second', 'admissions', 'waiting', 'held', 'sold', 'outbox'],
      report.timeline.map(({ second, admissions, waiting, held, sold, outbox }) => [
        second,
        admissions,
        waiting,
        held,
        sold,
        outbox,
      ]),
    ),
    '',
    '## k6',
    '',
    '```',
    k6Report.trimEnd(),
    '```',
  ].join('\n')}\n`;
}

const title: Record<string, string | undefined> = {
  surge: 'Surge: a crowd through the waiting room',
  'logged-in': 'Surge of members who are logged in already',
  direct: 'The same crowd straight at the ticket service, to compare',
};

export function mark(kept: boolean | undefined): string {
  return kept === undefined ? 'not judged' : kept ? 'kept' : '**missed**';
}

function counted(what: string, counts: Readonly<Record<string, number>>, none: string): readonly string[] {
  return Object.keys(counts).length === 0 ? [none] : table([what, 'times'], Object.entries(counts));
}

export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number | boolean)[])[],
): readonly string[] {
  return [
    `| ${head.join(' | ')} |`,
    `|${'---|'.repeat(head.length)}`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ];
}
