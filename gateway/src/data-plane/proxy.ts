import { Pool } from 'undici';
import type { Exchange, Header } from '../transport/http.ts';
import { answerError } from '../transport/problem.ts';
import type { Outside } from './forwarded.ts';
import { Flight, type Outcome, smallBodyBytes } from './proxy-flight.ts';
import { asBytes, headersForUpstream } from './proxy-headers.ts';
import { Slots } from './proxy-slots.ts';

export type UpstreamOptions = {
  /** Requests to the upstream at once, each on a connection of its own. */
  readonly connections?: number;
  /** Requests that wait for a connection; beyond them 503. */
  readonly waiting?: number;
  /** How long one waits at most before 503. */
  readonly waitMs?: number;
  readonly connectTimeoutMs?: number;
  /** From the request to the head of the answer. */
  readonly headersTimeoutMs?: number;
  /** Between two pieces of the answer's body. */
  readonly bodyTimeoutMs?: number;
  readonly onError: (error: unknown, where: string) => void;
};

export type ForwardOptions = {
  /** Path and query for the upstream, free of what could be read in two ways. */
  readonly target: string;
  readonly outside: Outside;
  /** Handed on as `X-Ropeline-Entry`; whatever the client sent under that name is dropped. */
  readonly entryToken?: string | undefined;
  /** May change the headers of the answer just before they leave. */
  readonly onResponseHeaders?: (status: number, headers: readonly Header[]) => readonly Header[];
  readonly onDone?: (outcome: Outcome) => void;
};

/**
 * The reverse proxy to one upstream origin. Every exchange given to it gets an answer: the upstream's, or a problem
 * (502 `bad-gateway`, 503 `unavailable`, 504 `gateway-timeout`), or, once the answer has begun, a closed connection.
 */
export class Upstream {
  readonly #pool: Pool;
  readonly #slots: Slots;
  readonly #serverName: string;
  readonly #onError: UpstreamOptions['onError'];

  constructor(origin: string, options: UpstreamOptions) {
    const connections = options.connections ?? 64;
    const url = new URL(origin);
    this.#serverName = url.hostname;
    this.#onError = options.onError;
    this.#slots = new Slots({
      running: connections,
      waiting: options.waiting ?? 1_024,
      waitMs: options.waitMs ?? 5_000,
    });
    this.#pool = new Pool(url.origin, {
      connections,
      pipelining: 1,
      allowH2: false,
      connect: { timeout: options.connectTimeoutMs ?? 3_000 },
      headersTimeout: options.headersTimeoutMs ?? 30_000,
      bodyTimeout: options.bodyTimeoutMs ?? 60_000,
      keepAliveTimeout: 4_000,
    });
  }

  /** Requests at the upstream. */
  get running(): number {
    return this.#slots.running;
  }

  /** Requests that wait for a connection. */
  get waiting(): number {
    return this.#slots.waiting;
  }

  forward(exchange: Exchange, options: ForwardOptions): void {
    if (exchange.hasBody && (exchange.contentLength ?? Infinity) <= smallBodyBytes) {
      // Read first, so that a slow client holds no connection to the upstream.
      exchange.body(smallBodyBytes).then(
        (body) => this.#start(exchange, body, options),
        (error: unknown) => answerError(exchange, error, this.#onError),
      );
    } else {
      this.#start(exchange, null, options);
    }
  }

  /** Ends when the requests under way have ended. */
  async close(): Promise<void> {
    this.#slots.close();
    await this.#pool.close();
  }

  #start(exchange: Exchange, body: Buffer | null, options: ForwardOptions): void {
    if (exchange.aborted) {
      // Gone while it was decided upon: its body would never end, and hold a connection to the upstream for ever.
      options.onDone?.({ status: undefined, headMs: 0, result: 'aborted' });
      return;
    }
    const request = {
      path: asBytes(options.target),
      method: exchange.method,
      headers: headersForUpstream(exchange, options.outside, options.entryToken),
      // By the upstream's own name, although it is told the host that the client asked for.
      servername: this.#serverName,
    };
    const flight = new Flight(exchange, this.#slots, body, {
      ...options,
      send: ({ body }, handler) => {
        this.#pool.dispatch({ ...request, body }, handler);
      },
    });
    this.#slots.take(flight);
  }
}
