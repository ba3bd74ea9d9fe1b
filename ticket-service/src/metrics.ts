import { AppError } from '@ropeline/core/errors.ts';
import { type BreakerState, breakerStates } from '@ropeline/core/payments/guarded-provider.ts';
import type { PaymentProvider } from '@ropeline/core/payments/provider.ts';
import { problemCodes } from '@ropeline/core/protocol/problem-codes.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { IssueOutcome } from './coupons/coupon-desk.ts';
import type { WorkQueue } from './members/work-queue.ts';
import type { Offer } from './offers/offer.ts';
import type { StockSource } from './offers/stock-counts.ts';
import type { StockStreams } from './offers/stock-streams.ts';
import type { HeardCallback } from './payments/payment-callbacks.ts';
import type { SendSignal } from './room-signals/room-signal.ts';

/** Every metric of the ticket service but Node's own. */
export type Metrics = {
  /** The same sending, counted. */
  readonly counted: (send: SendSignal) => SendSignal;
  readonly countIssue: (outcome: IssueOutcome) => void;
  readonly observeRequests: (app: FastifyInstance) => void;
  /** An order refused in front of Fastify: counted like one that Fastify saw. */
  readonly countSoldOutFirst: (elapsedMs: number) => void;
  /** The reconciler found something. */
  readonly found: (finding: string) => void;
  /** The same provider, its charges counted. */
  readonly countCharges: (provider: PaymentProvider) => PaymentProvider;
  readonly showBreaker: (state: BreakerState) => void;
  readonly countCallback: (outcome: HeardCallback | 'forged' | 'other') => void;
};

type Watched = {
  readonly hashing: WorkQueue;
  readonly offers: () => readonly Offer[];
  readonly stock: StockSource;
  readonly streams: StockStreams;
  /** Selling on a Redis that may lose what it answered. */
  readonly relaxed: boolean;
};

export function createMetrics(registry: Registry, watched: Watched): Metrics {
  const registers = [registry];
  const requests = new Histogram({
    name: 'ticket_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer, by route and class of status',
    labelNames: ['route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const refusals = new Counter({
    name: 'ticket_refusals_total',
    help: 'Requests answered with a problem, by its code',
    labelNames: ['code'],
    registers,
  });
  const orders = new Counter({
    name: 'ticket_order_calls_total',
    help: 'Calls that make or move orders, by outcome: created, done, pending, or the code of the problem',
    labelNames: ['call', 'outcome'],
    registers,
  });
  const findings = new Counter({
    name: 'ticket_reconciler_findings_total',
    help: 'Differences between Redis and Postgres that the reconciler found: told, restored, capacity (mended), differs',
    labelNames: ['finding'],
    registers,
  });
  const signals = new Counter({
    name: 'ticket_room_signals_total',
    help: 'Stock signals to rooms, by outcome (taken, failed)',
    labelNames: ['outcome'],
    registers,
  });
  const charges = new Counter({
    name: 'ticket_payment_charges_total',
    help: 'Charges asked for, by what the provider said: paid, declined, error, unknown',
    labelNames: ['outcome'],
    registers,
  });
  const issues = new Counter({
    name: 'ticket_coupon_issues_total',
    help: 'Coupons asked for, by what came of it: issued, already, gone',
    labelNames: ['outcome'],
    registers,
  });
  const callbacks = new Counter({
    name: 'ticket_payment_callbacks_total',
    help: 'Callbacks of the payment provider, by what came of them',
    labelNames: ['outcome'],
    registers,
  });
  const breaker = new Gauge({
    name: 'ticket_payment_breaker_state',
    help: '1 for the state of the circuit breaker before the payment provider, 0 for the others',
    labelNames: ['state'],
    registers,
  });
  const showBreaker = (state: BreakerState): void => {
    for (const one of breakerStates) breaker.set({ state: one }, one === state ? 1 : 0);
  };
  showBreaker('closed');
  new Gauge({
    name: 'ticket_passwords_running',
    help: 'Passwords being hashed or checked',
    registers,
    collect() {
      this.set(watched.hashing.running);
    },
  });
  new Gauge({
    name: 'ticket_passwords_waiting',
    help: 'Log-ins and sign-ups that wait for their turn',
    registers,
    collect() {
      this.set(watched.hashing.waiting);
    },
  });
  new Gauge({
    name: 'ticket_stock_streams',
    help: 'Open streams of stock events',
    registers,
    collect() {
      this.set(watched.streams.open);
    },
  });
  new Gauge({
    name: 'ticket_stock_stream_unread_bytes',
    help: 'Events of stocks that were written and that the watchers have not taken',
    registers,
    collect() {
      this.set(watched.streams.unreadBytes);
    },
  });
  new Gauge({
    name: 'ticket_stock_durability_relaxed',
    help: '1 when `DURABILITY=relaxed`: a crash of the stock Redis may lose orders; else 0',
    registers,
  }).set(watched.relaxed ? 1 : 0);
  new Gauge({
    name: 'ticket_stock_units',
    help: 'Units of an offer: its capacity, held and sold ones',
    labelNames: ['offer', 'kind'],
    registers,
    collect() {
      this.reset();
      for (const { id } of watched.offers()) {
        const counts = watched.stock.read(id);
        if (counts === undefined) continue;
        for (const kind of unitKinds) this.set({ offer: id, kind }, counts[kind]);
      }
    },
  });
  return {
    found: (finding) => findings.inc({ finding }),
    counted: (send) => async (room, stock) => {
      try {
        await send(room, stock);
        signals.inc({ outcome: 'taken' });
      } catch (error) {
        signals.inc({ outcome: 'failed' });
        throw error;
      }
    },
    countCharges: (provider) => ({
      ...provider,
      async charge(charge) {
        const outcome = await provider.charge(charge);
        charges.inc({ outcome: outcome.kind });
        return outcome;
      },
    }),
    showBreaker,
    countIssue: (outcome) => issues.inc({ outcome }),
    countCallback: (outcome) => callbacks.inc({ outcome }),
    countSoldOutFirst(elapsedMs) {
      refusals.inc({ code: 'sold-out' });
      requests.observe({ route: '/api/orders', status: '4xx' }, elapsedMs / 1_000);
      orders.inc({ call: 'reserve', outcome: 'sold-out' });
    },
    observeRequests(app) {
      const codes = new WeakMap<FastifyRequest, string>();
      app.addHook('onError', (request, _reply, error, done) => {
        const code = codeOf(error);
        codes.set(request, code);
        refusals.inc({ code });
        done();
      });
      app.addHook('onResponse', (request, { statusCode, elapsedTime }, done) => {
        const route = request.routeOptions.url ?? 'none';
        requests.observe({ route, status: `${Math.floor(statusCode / 100)}xx` }, elapsedTime / 1_000);
        const call = orderCalls.get(`${request.method} ${route}`);
        if (call !== undefined) orders.inc({ call, outcome: codes.get(request) ?? successOf(statusCode) });
        done();
      });
    },
  };
}

const unitKinds = ['capacity', 'held', 'sold'] as const;

const orderCalls = new Map([
  ['POST /api/orders', 'reserve'],
  ['POST /api/orders/:id/pay', 'pay'],
  ['POST /api/orders/:id/cancel', 'cancel'],
  ['POST /ticket/reserve/:ticketId', 'sell'],
  ['POST /api/reservations/:musicalId', 'sell'],
  ['POST /books', 'book'],
]);

function successOf(statusCode: number): string {
  return statusCode === 201 ? 'created' : statusCode === 202 ? 'pending' : 'done';
}

/** Bounded: codes of the table, `bad-request` for what Fastify itself refused, else `internal-error`. */
function codeOf(error: Error & { statusCode?: number | undefined }): string {
  if (error instanceof AppError && error.code in problemCodes) return error.code;
  return (error.statusCode ?? 500) < 500 ? 'bad-request' : 'internal-error';
}
