import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppError } from '@ropeline/core/errors.ts';
import type { FastifyInstance } from 'fastify';
import type { Member } from '../members/access-tokens.ts';
import type { Metrics } from '../metrics.ts';
import type { OfferCatalog } from '../offers/offer-catalog.ts';
import { type OrderDesk, refusal } from '../orders/order-desk.ts';
import type { Auth } from '../plugins/auth.ts';
import { idempotencyKeyIn, isOrderWish, wantedIn } from './order-wish.ts';

type Parts = {
  readonly auth: Auth;
  readonly catalog: OfferCatalog;
  readonly desk: OrderDesk;
  readonly metrics: Metrics;
};

const path = '/api/orders';
/** Longer ones are rare enough for the usual way: the longest list of seats has twice as much. */
const mostBytes = 1_024;

const { status, ...soldOut } = answerOf(refusal({ kind: 'sold-out', available: 0 }));

/**
 * Refuses orders in front of Fastify while all is sold. After the end of a sale nearly every request is one of
 * these, and hooks, schema and error path cost more than finding out.
 *
 * It answers only where memory is enough to know that `POST /api/orders` would answer just this: both tokens were
 * checked before and still hold, the body came with its head and is an order of this offer, and the stock is known as
 * sold out to this member. Everything else goes on to Fastify as if nobody had looked, body unread.
 */
export function refuseSoldOutFirst(app: FastifyInstance, { auth, catalog, desk, metrics }: Parts): void {
  const { server } = app;
  let isClosing = false;
  // From now on answers say `Connection: close`, which is Fastify's to know.
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  server.removeAllListeners('request');
  server.on('request', look);

  function look(request: IncomingMessage, response: ServerResponse): void {
    const member = isOrder(request) && !isClosing ? auth.recallMember(request.headers) : undefined;
    if (member === undefined) app.routing(request, response);
    // The parser has the head so far; by then it has the body, too, if that came along.
    else process.nextTick(decide, request, response, member, performance.now());
  }

  function decide(request: IncomingMessage, response: ServerResponse, member: Member, since: number): void {
    const body = wholeBodyOf(request);
    if (body !== undefined && isSoldOut(request, member, body)) {
      response.writeHead(status, soldOut.headers).end(soldOut.body);
      metrics.countSoldOutFirst(performance.now() - since);
      return;
    }
    if (body !== undefined) request.unshift(body);
    app.routing(request, response);
  }

  function isSoldOut({ headers }: IncomingMessage, member: Member, body: Buffer): boolean {
    try {
      const wish: unknown = JSON.parse(body.toString());
      if (!isOrderWish(wish)) return false;
      const offer = catalog.find(wish.offerId);
      return (
        offer !== undefined &&
        desk.isSoldOut({ offer, memberId: member.id, wanted: wantedIn(wish) }) &&
        auth.recallsEntry(headers, offer, member) &&
        idempotencyKeyIn(headers) !== ''
      );
    } catch {
      // What is wrong with it is told by the usual way.
      return false;
    }
  }
}

function isOrder({ url, method, headers }: IncomingMessage): boolean {
  return url === path && method === 'POST' && headers['content-type'] === 'application/json';
}

/** Takes the body from the request if it is short and there; else undefined, and nothing was taken. */
function wholeBodyOf(request: IncomingMessage): Buffer | undefined {
  const { 'content-length': announced } = request.headers;
  const length = request.readableLength;
  if (length === 0 || length > mostBytes || announced !== String(length)) return undefined;
  // No encoding was set: chunks are buffers, and read() joins them.
  return request.read() as Buffer;
}

function answerOf(error: AppError): {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
} {
  const body = JSON.stringify(error.toProblem());
  const headers = {
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
  };
  return { status: error.status, headers, body };
}
