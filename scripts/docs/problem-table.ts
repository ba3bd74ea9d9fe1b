import { problemCodes } from '@ropeline/core/protocol/problem-codes.ts';

const begin = '<!-- problem codes: written by `npm run docs` -->';
const end = '<!-- end of problem codes -->';

/** docs/protocol.md with its table of problem codes as the code has them. Throws when the page has lost its marks. */
export function withProblemTable(page: string): string {
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`the page has no "${begin}" and "${end}"`);
  return `${before}${begin}\n${table()}\n${end}${after}`;
}

function table(): string {
  return [
    '| code | status | title |',
    '|---|---|---|',
    ...Object.entries(problemCodes).map(
      ([code, [status, title]]) => `| \`${code}\` | ${status} | ${title} |`,
    ),
  ].join('\n');
}
