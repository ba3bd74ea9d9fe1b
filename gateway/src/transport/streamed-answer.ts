import type { Header } from './http.ts';
import type { RawResponse } from './raw.ts';
import { endBodyless, isBodyless, writeHead } from './response-head.ts';

export type Head = {
  readonly status: number;
  readonly headers: readonly Header[];
  /** Undefined: chunked, and the only kind whose end can close the connection. */
  readonly length: number | undefined;
};

const nothing = (): void => undefined;

/**
 * The body of one answer as it comes. `write` and `end` are called inside a cork and tell what became of it:
 * `taken` (send more), `waiting` (the client is slow: send more after it is writable), `done` (the raw response
 * must not be touched again), `broken` (fewer bytes than promised: only closing the connection is honest).
 */
export type Progress = 'taken' | 'waiting' | 'done' | 'broken';

export class StreamedAnswer {
  readonly #raw: RawResponse;
  readonly #head: Head;
  readonly #bodyless: boolean;
  #headWritten = false;
  /** With a known length: what the kernel has not taken, and where in the body it begins. */
  #rest: Buffer | undefined;
  #restAt = 0;

  constructor(raw: RawResponse, method: string, head: Head) {
    this.#raw = raw;
    this.#head = head;
    this.#bodyless = isBodyless(method, head.status) || head.length === 0;
  }

  write(chunk: Buffer, closing: boolean): Progress {
    if (this.#bodyless || chunk.length === 0) return 'taken';
    if (this.#rest !== undefined) {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      return 'waiting';
    }
    this.#writeHead(closing, true);
    // Without a length the server keeps what the kernel does not take.
    if (this.#head.length === undefined) return this.#raw.write(chunk) ? 'taken' : 'waiting';
    return this.#offer(chunk);
  }

  /** The client takes bytes again; `offset` counts the body bytes it has. */
  writable(offset: number): Progress {
    if (this.#head.length === undefined) {
      // Whoever asks to be told when the client takes bytes again must make the server send what it kept (tried).
      this.#raw.cork(nothing);
      return 'taken';
    }
    if (this.#rest === undefined) return 'taken';
    return this.#offer(this.#rest.subarray(offset - this.#restAt));
  }

  end(closing: boolean): Progress {
    if (this.#bodyless) {
      this.#writeHead(closing);
      endBodyless(this.#raw, this.#head.status, this.#head.length, closing);
      return 'done';
    }
    if (this.#head.length === undefined) {
      this.#writeHead(closing);
      this.#raw.end(undefined, closing);
      return 'done';
    }
    return this.#rest === undefined ? 'broken' : 'waiting';
  }

  #offer(chunk: Buffer): Progress {
    const at = this.#raw.getWriteOffset();
    const [ok, done] = this.#raw.tryEnd(chunk, this.#head.length ?? 0);
    if (done) return 'done';
    this.#rest = ok ? undefined : chunk;
    this.#restAt = at;
    return ok ? 'taken' : 'waiting';
  }

  /** `more`: the end comes later; ending at once, the server announces the close itself. */
  #writeHead(closing: boolean, more = false): void {
    if (this.#headWritten) return;
    this.#headWritten = true;
    writeHead(this.#raw, this.#head.status, this.#head.headers, closing);
    if (closing && more) this.#raw.writeHeader('Connection', 'close');
  }
}
