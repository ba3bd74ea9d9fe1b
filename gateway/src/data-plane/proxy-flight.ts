import { Readable } from 'node:stream';
import { AppError } from '@ropeline/core/errors.ts';
import type { Dispatcher } from 'undici';
import type { Exchange, Header } from '../transport/http.ts';
import { respondProblem } from '../transport/problem.ts';
import { headersForClient } from './proxy-headers.ts';
import type { Job, Slots } from './proxy-slots.ts';

/** How a proxied request went, for metrics. */
export type Outcome = {
  /** Of the upstream; undefined if it gave no answer. */
  readonly status: number | undefined;
  /** From asking for a slot to the upstream's head, or to the failure. */
  readonly headMs: number;
  readonly result: 'answered' | 'aborted' | 'refused' | 'failed' | 'timeout';
};

export type FlightOptions = {
  readonly send: (options: { body: Buffer | Readable | null }, flight: Dispatcher.DispatchHandler) => void;
  readonly onResponseHeaders?: (status: number, headers: readonly Header[]) => readonly Header[];
  readonly onDone?: (outcome: Outcome) => void;
};

/** An answer up to this size of known length leaves in one write; a request body up to this size is read first. */
export const smallBodyBytes = 64 * 1024;

/**
 * One request on its way to the upstream and back.
 *
 * States: *waiting* (for a slot), *sent*, *head* (the answer has begun), *over* (answered, refused, failed or
 * aborted; the slot is free again). `#over` is the only way into the last.
 */
export class Flight implements Job, Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #slots: Slots;
  readonly #options: FlightOptions;
  readonly #body: Buffer | null;
  readonly #startedAt = performance.now();
  #state: 'waiting' | 'sent' | 'head' | 'over' = 'waiting';
  #controller: Dispatcher.DispatchController | undefined;
  #upload: Readable | undefined;
  #retried = false;
  #status: number | undefined;
  #headMs = 0;
  #headers: readonly Header[] = [];
  /** Parts of an answer that leaves in one write; undefined while it is streamed. */
  #collected: Buffer[] | undefined;

  /** `body`: what was read already; null if there is none or it is to be streamed. */
  constructor(exchange: Exchange, slots: Slots, body: Buffer | null, options: FlightOptions) {
    this.#exchange = exchange;
    this.#slots = slots;
    this.#body = body;
    this.#options = options;
    exchange.takeOver();
    exchange.onAborted(() => this.#abort());
  }

  run(): void {
    this.#state = 'sent';
    if (this.#body === null && this.#exchange.hasBody) this.#upload = uploadOf(this.#exchange);
    this.#send();
  }

  refuse(): void {
    this.#answer(new AppError('unavailable', { retryAfterSeconds: 1 }));
    this.#over('refused');
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#state === 'over') controller.abort(clientGone());
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // Interim answers are between the upstream and us.
    if (status < 200 || this.#state !== 'sent') return;
    this.#state = 'head';
    this.#status = status;
    this.#headMs = performance.now() - this.#startedAt;
    const lines = controller.rawHeaders;
    const head = headersForClient(Array.isArray(lines) ? lines : []);
    this.#headers = this.#options.onResponseHeaders?.(status, head.headers) ?? head.headers;
    const bodyless = this.#exchange.method === 'HEAD' || status === 204 || status === 304;
    if (!bodyless && head.length !== undefined && head.length <= smallBodyBytes) {
      this.#collected = [];
      return;
    }
    this.#exchange.start(status, this.#headers, head.length);
    this.#exchange.onWritable(() => controller.resume());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#collected !== undefined) this.#collected.push(chunk);
    else if (!this.#exchange.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    const collected = this.#collected;
    if (collected === undefined) this.#exchange.end();
    else this.#exchange.respond(this.#status ?? 502, this.#headers, asOne(collected));
    this.#over('answered');
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#state === 'over') return;
    if (this.#state === 'sent' && this.#mayRetry(error)) {
      this.#retried = true;
      this.#send();
      return;
    }
    const late = isTimeout(error);
    // First over: closing the connection would otherwise count as the client's leaving.
    this.#over(late ? 'timeout' : 'failed');
    if (this.#exchange.answered) this.#exchange.destroy();
    else this.#answer(new AppError(late ? 'gateway-timeout' : 'bad-gateway', { cause: error }));
  }

  #send(): void {
    try {
      this.#options.send({ body: this.#upload ?? this.#body }, this);
    } catch (error) {
      // undici refuses what it would not put on the wire, such as a header name that is no token.
      this.#answer(new AppError('bad-request', { cause: error }));
      this.#over('failed');
    }
  }

  /**
   * An upstream may close a kept connection just as it is used again. Only such an end, before any answer, of a
   * request that changes nothing, is worth a second try.
   */
  #mayRetry(error: Error & { code?: string; socket?: { bytesRead?: number } }): boolean {
    if (this.#retried || this.#exchange.hasBody) return false;
    if (this.#exchange.method !== 'GET' && this.#exchange.method !== 'HEAD') return false;
    if (error.code === 'UND_ERR_SOCKET') return (error.socket?.bytesRead ?? 0) > 0;
    return error.code === 'ECONNRESET' || error.code === 'EPIPE';
  }

  #answer(error: AppError): void {
    respondProblem(this.#exchange, error);
  }

  #abort(): void {
    if (this.#state === 'over') return;
    if (this.#state === 'waiting') this.#slots.drop(this);
    const controller = this.#controller;
    this.#over('aborted');
    this.#upload?.destroy();
    controller?.abort(clientGone());
  }

  #over(result: Outcome['result']): void {
    if (this.#state === 'over') return;
    const held = this.#state !== 'waiting';
    this.#state = 'over';
    this.#options.onDone?.({
      status: this.#status,
      headMs: this.#status === undefined ? performance.now() - this.#startedAt : this.#headMs,
      result,
    });
    if (held) this.#slots.free();
  }
}

function clientGone(): Error {
  return new Error('the client is gone');
}

function asOne(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

function isTimeout(error: Error & { code?: string }): boolean {
  return (
    error.code === 'UND_ERR_CONNECT_TIMEOUT' ||
    error.code === 'UND_ERR_HEADERS_TIMEOUT' ||
    error.code === 'UND_ERR_BODY_TIMEOUT' ||
    error.code === 'ETIMEDOUT'
  );
}

/** The client's body as a stream: the client is read as fast as the upstream takes it. */
function uploadOf(exchange: Exchange): Readable {
  const upload = new Readable({
    highWaterMark: smallBodyBytes,
    read: () => exchange.resume(),
  });
  // undici listens for errors only while it sends; one that comes later must not end the process.
  upload.on('error', () => undefined);
  exchange.onData((chunk, last) => {
    if (upload.destroyed) return;
    if (chunk.length > 0 && !upload.push(chunk)) exchange.pause();
    if (last) upload.push(null);
  });
  return upload;
}
