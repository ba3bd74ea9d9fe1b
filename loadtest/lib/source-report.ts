import type { Summary } from './summary.ts';

/** Writes what k6 measured: whole for the judge, and in words. */
export function summarise(data: Summary): Record<string, string> {
  return {
    [__ENV['SUMMARY_FILE'] ?? 'summary.json']: JSON.stringify(data, undefined, 2),
    [__ENV['REPORT_FILE'] ?? 'report.txt']: inWords(data),
  };
}

function inWords({ metrics, state }: Summary): string {
  const lines = Object.entries(metrics)
    .filter(([name]) => !unread.test(name))
    .flatMap(([name, metric]) => {
      const values = Object.entries(metric?.values ?? {}).map(
        ([key, value]) => `${key} ${round(value ?? 0)}`,
      );
      const rules = Object.entries(metric?.thresholds ?? {}).map(
        ([rule, { ok }]) => `${rule} ${ok ? 'kept' : 'BROKEN'}`,
      );
      return [`${name.padEnd(34)} ${[...values, ...rules].join(', ')}`];
    });
  return `${[`${(state.testRunDurationMs / 1_000).toFixed(1)} s in all; times in ms`, '', ...lines].join('\n')}\n`;
}

const unread = /^(http_req_(blocked|connecting|tls|sending|receiving|waiting)|iteration|data_|vus|group_)/;

function round(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}
