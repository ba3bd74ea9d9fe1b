import { withoutCredentials } from '@ropeline/core/redis/address.ts';
import type { Addresses } from './addresses.ts';

/** What to open and what to try first. The caller prints `ropeline ready` after it. */
export function welcome(addresses: Addresses, place: { logs: string; upstream: string | undefined }): string {
  const { gateway, control, ticket, payment, workers, operatorToken } = addresses;
  const token = operatorToken ?? '<your operator token>';
  const call = (method: string, path: string, body?: string): string =>
    [
      `curl -sS${method === 'GET' ? '' : ` -X ${method}`} -H 'Authorization: Bearer ${token}'`,
      ...(body === undefined ? [] : [`-H 'Content-Type: application/json' -d '${body}'`]),
      `${control}/api/rooms/demo${path}`,
    ].join(' ');
  const where: [string, string][] = [
    ['Waiting room', `${gateway}/`],
    ['Queue page', `${gateway}/_ropeline/rooms/demo/page?to=/`],
    ['Control plane', `${control}/docs  (API; metrics under /metrics)`],
    ['Ticket service', `${ticket}/docs  (API; metrics under /metrics)`],
    ['Payment simulator', payment],
    ['Workers', `${workers}/metrics`],
    ['Redis of the queue', withoutCredentials(addresses.redis)],
    ['Redis of the stock', withoutCredentials(addresses.ticketRedis)],
    ['Postgres', withoutPassword(addresses.database)],
    ['Operator token', operatorToken ?? 'the one whose hash is in OPERATOR_TOKENS'],
    ['Logs', place.logs],
  ];
  const attempts: [string, string][] = [
    [
      `Open ${place.upstream === undefined ? 'the shop' : 'your site'}; an idle room lets you pass at once`,
      `${gateway}/`,
    ],
    ['Send a crowd of 500, then open the queue page and see it move', 'npm run crowd -- 500'],
    ['Admit 1,200 a minute', call('PATCH', '', '{"admission":{"ratePerMinute":1200}}')],
    ['Pause, and go on', call('POST', '/pause')],
    ['', call('POST', '/resume')],
    ['See the numbers', call('GET', '/stats')],
    place.upstream === undefined
      ? ['Put the room in front of your own site', 'UPSTREAM=http://localhost:3000 npm start']
      : ['The room stands in front of', place.upstream],
  ];
  return [
    '',
    ...where.map(([what, address]) => `  ${what.padEnd(19)} ${address}`),
    '',
    'Try this first:',
    ...attempts.flatMap(([why, how]) => [...(why === '' ? [] : [`  ${why}:`]), `    ${how}`]),
    '',
    'Ctrl-C stops everything; "npm start -- --reset" begins anew.',
  ].join('\n');
}

function withoutPassword(url: string): string {
  return url.replace(/(:\/\/[^:@/]*):[^@/]*@/, '$1:***@');
}
