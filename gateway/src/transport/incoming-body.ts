import { AppError } from '@ropeline/core/errors.ts';

type Source = {
  onData(callback: (chunk: ArrayBuffer, last: boolean) => void): unknown;
  pause(): void;
  resume(): void;
};
const pauseAboveBytes = 64 * 1024;

type Receive = (chunk: Buffer, last: boolean) => void;

/**
 * The body of one request. It listens from the start, for what nobody listens to is thrown away; until somebody
 * asks, it keeps what came and stops a client that sends more. Once `close` was called it never touches the source again.
 */
export class IncomingBody {
  complete = false;
  readonly #source: Source;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #receive: Receive | undefined;
  #paused = false;
  #closed = false;
  #onClosed: (() => void) | undefined;

  constructor(source: Source, onError: (error: unknown, where: string) => void) {
    this.#source = source;
    source.onData((chunk, last) => {
      if (this.#closed) return;
      // The chunk is the server's memory, given back when this call returns.
      const copy = Buffer.copyBytesFrom(new Uint8Array(chunk));
      this.complete = last;
      if (this.#receive === undefined) {
        this.#keep(copy, last);
        return;
      }
      try {
        this.#receive(copy, last);
      } catch (error) {
        onError(error, 'body');
      }
    });
  }

  pipe(receive: Receive): void {
    this.#receive = receive;
    const kept = this.#kept;
    this.#kept = [];
    kept.forEach((chunk, i) => {
      receive(chunk, this.complete && i === kept.length - 1);
    });
    if (!this.complete) this.resume();
  }

  /** Rejects with `too-large` as soon as that is known, with `bad-request` if the client goes. */
  collect(limitBytes: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      this.#onClosed = () => reject(new AppError('bad-request', { detail: 'The body is incomplete' }));
      this.pipe((chunk, last) => {
        size += chunk.length;
        if (size > limitBytes) {
          chunks.length = 0;
          return reject(tooLarge(limitBytes));
        }
        chunks.push(chunk);
        if (last) resolve(chunks.length === 1 ? chunk : Buffer.concat(chunks, size));
      });
    });
  }

  pause(): void {
    if (this.#closed || this.#paused) return;
    this.#paused = true;
    this.#source.pause();
  }

  resume(): void {
    if (this.#closed || !this.#paused) return;
    this.#paused = false;
    this.#source.resume();
  }

  /** The exchange is over; `gone` says that the client left. */
  close(gone: boolean): void {
    if (this.#closed) return;
    // A paused connection would never see the next request on it.
    if (!gone) this.resume();
    this.#closed = true;
    this.#kept = [];
    if (gone) this.#onClosed?.();
  }

  /** A paused connection does not notice that the client left, so a small body is never a reason to pause. */
  #keep(chunk: Buffer, last: boolean): void {
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
    if (!last && this.#keptBytes >= pauseAboveBytes) this.pause();
  }
}

export function tooLarge(limitBytes: number): AppError {
  return new AppError('too-large', { detail: `The body may have at most ${limitBytes} bytes` });
}
