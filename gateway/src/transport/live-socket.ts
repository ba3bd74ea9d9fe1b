import type { Socket, SocketHandler } from './http.ts';

/** What is used of uWebSockets.js' socket; every method throws after the close. */
export type RawSocket = {
  send(text: string): number;
  end(code?: number, reason?: string): void;
  getBufferedAmount(): number;
};

export type OnError = (error: unknown, where: string) => void;

/** States: *opening* (until `attach`), *open*, *closed* (from `detach` or `close` on; the raw socket is let go). */
export class LiveSocket<T> implements Socket<T> {
  readonly data: T;
  #raw: RawSocket | undefined;

  constructor(data: T) {
    this.data = data;
  }

  get isOpen(): boolean {
    return this.#raw !== undefined;
  }

  get bufferedBytes(): number {
    return this.#raw?.getBufferedAmount() ?? 0;
  }

  send(text: string): 'sent' | 'queued' | 'dropped' {
    if (this.#raw === undefined) return 'dropped';
    const answer = this.#raw.send(text);
    return answer === 1 ? 'sent' : answer === 0 ? 'queued' : 'dropped';
  }

  close(code: number, reason = ''): void {
    const raw = this.#raw;
    this.#raw = undefined;
    raw?.end(code, reason);
  }

  attach(raw: RawSocket): void {
    this.#raw = raw;
  }

  detach(): void {
    this.#raw = undefined;
  }
}

/** Runs a socket handler so that nothing it throws or rejects leaves it; the socket is closed for it. */
export function guarded<T>(
  socket: LiveSocket<T>,
  onError: OnError,
  where: keyof SocketHandler<T>,
  run: () => void | Promise<void>,
): void {
  const failed = (error: unknown): void => {
    onError(error, `socket ${where}`);
    socket.close(1011);
  };
  try {
    run()?.catch(failed);
  } catch (error) {
    failed(error);
  }
}
