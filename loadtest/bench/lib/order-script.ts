import { writeFileSync } from 'node:fs';

/** A script for wrk that orders one unit a request: pairs of a member and an entry by turns, a key of its own each. */
export function writeOrderScript(
  file: string,
  order: {
    readonly offerId: number;
    readonly pairs: readonly { readonly accessToken: string; readonly entryToken: string }[];
    /** Begins the keys; no two scripts may share it. */
    readonly run: string;
  },
): void {
  const body = JSON.stringify({ offerId: order.offerId, quantity: 1 });
  const head = [
    'POST /api/orders HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ].join('\\r\\n');
  const tokens = order.pairs.map(
    ({ accessToken, entryToken }) =>
      `"Authorization: Bearer ${accessToken}\\r\\nX-Ropeline-Entry: ${entryToken}\\r\\n",`,
  );
  writeFileSync(
    file,
    `local tokens = {
${tokens.join('\n')}
}
local at = 0
request = function()
  at = at + 1
  return "${head}\\r\\n" .. tokens[at % #tokens + 1] .. "Idempotency-Key: ${order.run}-" .. at ..
    "\\r\\n\\r\\n" .. '${body}'
end
`,
  );
}
