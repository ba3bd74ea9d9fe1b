import { AppError } from '@ropeline/core/errors.ts';
import { type Framing, HeaderLines } from './headers.ts';
import type { Exchange, Header, RequestHeaders } from './http.ts';
import { IncomingBody, tooLarge } from './incoming-body.ts';
import { peerOf, type RawRequest, type RawResponse } from './raw.ts';
import { assertSafe, endBodyless, isBodyless, writeHead } from './response-head.ts';
import { type Progress, StreamedAnswer } from './streamed-answer.ts';

/** What the exchanges of a server share. */
export type Shared = {
  /** Those that outlived their handler's turn, in order of arrival. */
  readonly open: Set<RawExchange>;
  /** Coarse clock for deadlines, ms. */
  now: number;
  draining: boolean;
  readonly onError: (error: unknown, where: string) => void;
};

const empty = Buffer.alloc(0);
/** A larger body that nobody read is not worth reading to its end: the connection is closed instead. */
const worthSkippingBytes = 64 * 1024;

/**
 * States: *called* (the handler runs in the turn of the request, where the server corks writes itself), *open*
 * (that turn is over: an abort callback is set, writes are corked here), *done* (answered in full or aborted: the
 * raw response must not be touched again). `settle` moves from called to open, `#finish` and `#gone` to done.
 */
export class RawExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: RequestHeaders;
  readonly hasBody: boolean;
  readonly contentLength: number | undefined;
  readonly startedAt: number;
  aborted = false;
  answered = false;
  ownDeadline = false;

  readonly #raw: RawResponse;
  readonly #shared: Shared;
  #called = true;
  #done = false;
  #closing = false;
  #peer: string | undefined;
  #body: IncomingBody | undefined;
  #onAborted: (() => void)[] | undefined;
  #stream: StreamedAnswer | undefined;
  #onWritable: (() => void) | undefined;
  #watchesWritable = false;

  constructor(
    raw: RawResponse,
    request: RawRequest,
    lines: readonly string[],
    framing: Framing,
    shared: Shared,
  ) {
    this.#raw = raw;
    this.#shared = shared;
    this.method = request.getCaseSensitiveMethod().toUpperCase();
    this.path = request.getUrl();
    this.query = request.getQuery() ?? '';
    this.headers = new HeaderLines(lines);
    this.hasBody = framing.hasBody;
    this.contentLength = framing.contentLength;
    this.startedAt = shared.now;
  }

  get peer(): string {
    this.#peer ??= this.#done ? '' : peerOf(this.#raw);
    return this.#peer;
  }

  /** The handler's turn is over. Without an abort callback on an unanswered request the process would abort. */
  settle(): void {
    this.#called = false;
    if (this.#done) return;
    this.#raw.onAborted(() => this.#gone());
    if (this.hasBody) this.#listen();
    this.#shared.open.add(this);
  }

  /** The connection became a socket's. */
  release(): void {
    this.#peer ??= peerOf(this.#raw);
    this.#finish();
  }

  onAborted(callback: () => void): void {
    if (this.aborted) {
      callback();
      return;
    }
    this.#onAborted ??= [];
    this.#onAborted.push(callback);
  }

  body(limitBytes: number): Promise<Buffer> {
    if (this.#done) return Promise.reject(new AppError('bad-request', { detail: 'The body is incomplete' }));
    if (!this.hasBody) return Promise.resolve(empty);
    if ((this.contentLength ?? 0) > limitBytes) return Promise.reject(tooLarge(limitBytes));
    return this.#listen().collect(limitBytes);
  }

  onData(receive: (chunk: Buffer, last: boolean) => void): void {
    if (this.#done) return;
    if (this.hasBody) this.#listen().pipe(receive);
    else receive(empty, true);
  }

  pause(): void {
    this.#body?.pause();
  }

  resume(): void {
    this.#body?.resume();
  }

  respond(status: number, headers: readonly Header[], body: string | Buffer = ''): void {
    if (this.#done || this.answered) return;
    assertSafe(headers);
    this.answered = true;
    if (this.#called) this.#respondNow(status, headers, body);
    else this.#raw.cork(() => this.#respondNow(status, headers, body));
  }

  #respondNow(status: number, headers: readonly Header[], body: string | Buffer): void {
    const closing = this.#willClose();
    const raw = this.#raw;
    this.#finish();
    writeHead(raw, status, headers, closing);
    if (!isBodyless(this.method, status)) raw.end(body, closing);
    else endBodyless(raw, status, status === 304 ? undefined : Buffer.byteLength(body), closing);
  }

  start(status: number, headers: readonly Header[], contentLength?: number): void {
    if (this.#done || this.answered) return;
    assertSafe(headers);
    this.answered = true;
    // A connection whose request is still coming in cannot be used again, and only a chunked answer can close it.
    if (this.hasBody && this.#body?.complete !== true) this.#closing = true;
    const length = this.#willClose() && !isBodyless(this.method, status) ? undefined : contentLength;
    this.#stream = new StreamedAnswer(this.#raw, this.method, { status, headers, length });
  }

  write(chunk: Buffer): boolean {
    return this.#advance((stream) => stream.write(chunk, this.#willClose())) !== 'waiting';
  }

  onWritable(callback: () => void): void {
    this.#onWritable = callback;
  }

  end(): void {
    if (this.#closing) this.#body?.close(false);
    this.#advance((stream) => stream.end(this.#willClose()));
  }

  destroy(): void {
    if (this.#done) return;
    this.#raw.close();
    this.#gone();
  }

  closeAfter(): void {
    this.#closing = true;
  }

  takeOver(): void {
    this.ownDeadline = true;
  }

  #advance(step: (stream: StreamedAnswer) => Progress): Progress {
    const stream = this.#stream;
    if (this.#done || stream === undefined) return 'done';
    let progress: Progress = 'taken';
    this.#corked(() => {
      progress = step(stream);
    });
    return this.#took(stream, progress);
  }

  #took(stream: StreamedAnswer, progress: Progress): Progress {
    if (progress === 'done') this.#finish();
    else if (progress === 'broken') this.destroy();
    else if (progress === 'waiting' && !this.#watchesWritable) {
      this.#watchesWritable = true;
      this.#raw.onWritable((offset) => this.#writableAgain(stream, offset));
    }
    return progress;
  }

  /** Answers whether the kernel took all that was offered. */
  #writableAgain(stream: StreamedAnswer, offset: number): boolean {
    try {
      const progress = this.#took(stream, stream.writable(offset));
      if (progress === 'taken') this.#onWritable?.();
      return progress !== 'waiting';
    } catch (error) {
      this.#shared.onError(error, 'writable');
      this.destroy();
      return true;
    }
  }

  #listen(): IncomingBody {
    this.#body ??= new IncomingBody(this.#raw, this.#shared.onError);
    return this.#body;
  }

  /** A body that was not read to its end would be taken for the client's next words. */
  #willClose(): boolean {
    if (this.#closing || this.#shared.draining) return true;
    return (
      this.hasBody && this.#body?.complete !== true && (this.contentLength ?? Infinity) > worthSkippingBytes
    );
  }

  #corked(write: () => void): void {
    if (this.#called) write();
    else this.#raw.cork(write);
  }

  #finish(): void {
    this.#done = true;
    this.#body?.close(false);
    this.#shared.open.delete(this);
    this.#onAborted = undefined;
  }

  #gone(): void {
    if (this.#done) return;
    this.#done = true;
    this.aborted = true;
    this.answered = true;
    this.#shared.open.delete(this);
    this.#body?.close(true);
    const callbacks = this.#onAborted ?? [];
    this.#onAborted = undefined;
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        this.#shared.onError(error, 'aborted');
      }
    }
  }
}
