import { availableParallelism } from 'node:os';
import type { Logger } from '@ropeline/core/log.ts';
import { createRegistry } from '@ropeline/core/metrics.ts';
import { guardedProvider } from '@ropeline/core/payments/guarded-provider.ts';
import { openCallbacks, openProvider } from '@ropeline/core/payments/open-provider.ts';
import { connectPostgres } from '@ropeline/core/postgres/connect.ts';
import { connectRedis, connectRedisForWaiting, untilReady } from '@ropeline/core/redis/connect.ts';
import type { StockClient } from '@ropeline/core/stock/stock-client.ts';
import type { FastifyInstance } from 'fastify';
import type { Config } from './config.ts';
import { CouponBook } from './coupons/coupon-book.ts';
import { CouponDesk } from './coupons/coupon-desk.ts';
import { EntryGuard } from './entries/entry-guard.ts';
import { EntryKeys } from './entries/entry-keys.ts';
import { buildHttp } from './http.ts';
import { Inventory } from './inventory/inventory.ts';
import { Products } from './inventory/products.ts';
import { Replicas } from './inventory/replicas.ts';
import { StockGate } from './inventory/stock-gate.ts';
import { TakenNames } from './inventory/taken-names.ts';
import { AccessTokens } from './members/access-tokens.ts';
import { LogIn } from './members/log-in.ts';
import { Passwords } from './members/passwords.ts';
import { Sessions } from './members/sessions.ts';
import { WorkQueue } from './members/work-queue.ts';
import { WrongPasswords } from './members/wrong-passwords.ts';
import { createMetrics } from './metrics.ts';
import { OfferCatalog } from './offers/offer-catalog.ts';
import { OfferEditor } from './offers/offer-editor.ts';
import { prepareOffers, prepareStock } from './offers/prepare-stock.ts';
import { StockStreams } from './offers/stock-streams.ts';
import { OrderDesk } from './orders/order-desk.ts';
import { OrderLookup } from './orders/order-lookup.ts';
import { OrderRows } from './orders/order-rows.ts';
import { OrderSaga } from './orders/order-saga.ts';
import { StockOrders } from './orders/stock-orders.ts';
import { PaymentCallbacks } from './payments/payment-callbacks.ts';
import { PaymentRows } from './payments/payment-rows.ts';
import { settlePayments } from './payments/settler.ts';
import { createAuth } from './plugins/auth.ts';
import { startReconciler } from './reconciler/reconciler.ts';
import { RoomSignals } from './room-signals/room-signals.ts';
import { httpSignals } from './room-signals/send-signal.ts';
import { Books } from './source-systems/books.ts';
import { SourceOffers } from './source-systems/source-offers.ts';

export type TicketService = {
  /** All routes; not listening yet. */
  readonly http: FastifyInstance;
  /** Finishes what is in flight, then closes connections, in order. */
  readonly stop: () => Promise<void>;
};

/** Builds the ticket service and connects it. Throws when Redis or Postgres cannot be reached. */
export async function createTicketService(config: Config, log: Logger): Promise<TicketService> {
  const closers: (() => unknown)[] = [];
  /** What is opened last is closed first. */
  const onStop = (close: () => unknown): void => {
    closers.unshift(close);
  };

  const name = 'ticket-service';
  const pool = connectPostgres(config.databaseUrl, { name, log, statementTimeoutMs });
  onStop(() => pool.end());
  const builders = connectPostgres(config.databaseUrl, { name: `${name}:stock`, log, ...buildingStock });
  onStop(() => builders.end());
  const redis = connectRedis(config.ticketRedisUrl, { name, log });
  onStop(() => redis.disconnect());
  const subscriber = connectRedisForWaiting(config.ticketRedisUrl, { name: `${name}:releases`, log });
  onStop(() => subscriber.disconnect());
  await Promise.all([untilReady(redis), untilReady(subscriber)]);

  const relaxed = config.durability === 'relaxed';
  const prepare = (stock: StockClient) => prepareStock(pool, stock);
  const replicas = await followedBy(config.stockReplicas);
  const gate = new StockGate({ redis, postgres: builders, log, relaxed, replicas, prepare });
  onStop(() => gate.stop());
  const catalog = new OfferCatalog(pool, log, (added) => prepareOffers(gate.stock, added));
  await catalog.start();
  onStop(() => catalog.stop());
  const offers = () => catalog.listOnSale();
  const stock = new Inventory({ gate, subscriber, log, offers, replicas, outboxLimit: config.outboxLimit });
  await gate.start();
  await stock.start();
  onStop(() => stock.stop());

  const keys = new EntryKeys({ url: config.entryJwksUrl, issuer: config.entryIssuer, log });
  if (config.entryRequired) keys.start();
  onStop(() => keys.stop());
  const entries = config.entryRequired ? new EntryGuard(keys, stock.bindEntry) : undefined;
  const tokens = new AccessTokens(config.memberSecret);
  const hashing = new WorkQueue({
    parallelism: config.passwordParallelism || halfTheCores(),
    ...passwordQueue,
  });

  const isOnSale = (offerId: number) => catalog.find(offerId)?.isWithdrawn === false;
  const streams = new StockStreams({ stock, most: config.stockWatchers });
  onStop(catalog.onChange(() => streams.endAllBut(isOnSale)));
  const registry = createRegistry();
  const metrics = createMetrics(registry, { hashing, offers, stock, streams, relaxed });
  const guarded = guardedProvider(await openProvider(config), {
    onChange(state) {
      metrics.showBreaker(state);
      log.warn({ state }, 'circuit breaker of the payment provider');
    },
  });
  const provider = metrics.countCharges(guarded);
  onStop(() => provider.close());
  const orders = new StockOrders(stock);
  const rows = new OrderRows(pool);
  const lookup = new OrderLookup(orders, rows);
  const payments = new PaymentRows(pool, config.paymentTimeoutMs);
  const desk = new OrderDesk({ inventory: stock, lookup, holdMs: config.holdSeconds * 1_000 });
  const saga = new OrderSaga({ orders, lookup, payments, provider, log });
  if (config.settlePayments) {
    const settler = settlePayments({ payments, lookup, saga, log });
    onStop(() => settler.stop());
  }

  const editor = new OfferEditor({ pool, inventory: stock, catalog });
  if (config.reconcileSeconds > 0) {
    const { found } = metrics;
    const everyMs = config.reconcileSeconds * 1_000;
    const reconciler = startReconciler({ pool, inventory: stock, orders, rows, editor, log, found, everyMs });
    onStop(() => reconciler.stop());
  }

  const stopSignals = startSignals();
  onStop(stopSignals);

  const http = await buildHttp({
    config,
    log,
    redis,
    registry,
    metrics,
    notReady,
    auth: createAuth({ tokens, entries }),
    tokens,
    logIn: new LogIn({ pool, passwords: new Passwords(hashing), wrong: new WrongPasswords(redis) }),
    sessions: new Sessions(pool),
    catalog,
    editor,
    takenNames: new TakenNames(() => gate.stock),
    stock,
    streams,
    desk,
    lookup,
    saga,
    readCallback: await openCallbacks(config),
    callbacks: new PaymentCallbacks({ payments, provider, lookup, saga, log }),
    products: new Products(stock),
    coupons: new CouponDesk(stock, metrics.countIssue),
    couponBook: new CouponBook({ pool, catalog, stock, lookup }),
    pool,
    sources: new SourceOffers(pool, catalog),
    books: new Books({ pool, desk, lookup, saga }),
  });
  onStop(() => http.close());
  return { http, stop };

  async function followedBy(wanted: number): Promise<Replicas | undefined> {
    if (wanted === 0) return undefined;
    const waiting = connectRedis(config.ticketRedisUrl, { name: `${name}:replicas`, log });
    onStop(() => waiting.disconnect());
    await untilReady(waiting);
    return new Replicas({ redis, waiting, wanted });
  }

  function startSignals(): () => Promise<void> {
    const { controlUrl, signalToken } = config;
    if (signalToken === undefined) return async () => undefined;
    const { send, close } = httpSignals({ controlUrl, token: signalToken });
    const rooms = new RoomSignals({ offers, stock, send: metrics.counted(send), log });
    rooms.start();
    const ignore = catalog.onChange(rooms.check);
    return async () => {
      ignore();
      await rooms.stop();
      await close();
    };
  }

  async function notReady(): Promise<readonly string[]> {
    const missing = [...gate.missing()];
    if (redis.status !== 'ready') missing.push('stock redis');
    if (config.entryRequired && !keys.ready) missing.push('entry keys');
    await pool.query('select 1').catch(() => missing.push('postgres'));
    return missing;
  }

  async function stop(): Promise<void> {
    for (const close of closers) await close();
  }
}

/** With the 3 s that it may take to get a connection less than the 10 s of a handler: so who waits hears the reason. */
const statementTimeoutMs = 6_000;

/** To build the stock anew reads all that is open, and writes it to Redis between two statements. */
const buildingStock = { maxConnections: 1, statementTimeoutMs: 600_000, idleInTransactionMs: 60_000 };

/** 100 log-ins wait, at most 3 s; more are told to come back. */
const passwordQueue = { maxWaiting: 100, maxWaitMs: 3_000 };

/** Hashing keeps its cores busy: the other half is for everybody who is not logging in. */
function halfTheCores(): number {
  return Math.max(1, Math.floor(availableParallelism() / 2));
}
