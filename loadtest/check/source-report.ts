import type { Machine } from '../runner/machine.ts';
import { mark, table } from './report-markdown.ts';
import { type Check, passed } from './verdict.ts';

export type Section = {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
};

/** What a test other than the surge leaves behind. */
export type TestReport = {
  readonly title: string;
  /** What was done, in a sentence or two. */
  readonly what: string;
  readonly date: string;
  readonly machine: Partial<Machine>;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly checks: readonly Check[];
  readonly sections: readonly Section[];
};

export function testMarkdown(report: TestReport, k6Report?: string): string {
  const { title, what, date, machine, settings, checks, sections } = report;
  return `${[
    `# ${title}`,
    '',
    `**${passed(checks) ? 'Every goal was kept' : 'A goal was missed'}.** ${date}. ${what}`,
    '',
    ...table(
      ['goal', 'found', ''],
      checks.map(({ goal, found, kept }) => [goal, found, mark(kept)]),
    ),
    '',
    ...sections.flatMap(({ title: of, head, rows }) => [`## ${of}`, '', ...table(head, rows), '']),
    '## Machine and settings',
    '',
    ...table(['what', 'value'], Object.entries({ ...machine, ...settings })),
    ...(k6Report === undefined ? [] : ['', '## k6', '', '```', k6Report.trimEnd(), '```']),
  ].join('\n')}\n`;
}
