import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { problem } from '../protocol/problem-codes.ts';

/** Answers what never became a request (no HTTP, headers without end, a head that does not come) and hangs up. */
export function answerClientError({ code }: Error & { readonly code?: string }, socket: Socket): void {
  if (code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) socket.write(answerTo(code));
  socket.destroy();
}

function answerTo(code: string | undefined): string {
  const answer =
    code === 'HPE_HEADER_OVERFLOW'
      ? problem('headers-too-large')
      : problem(
          'bad-request',
          code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'The request did not come whole in time' : undefined,
        );
  const body = JSON.stringify(answer);
  return [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
