import type { AppError } from '@ropeline/core/errors.ts';

/** A header of an answer. A value with CR, LF or NUL is refused: the server below would pass it through. */
export type Header = readonly [name: string, value: string];

/** The headers of a request, names in lower case. A copy: valid for as long as it is held. */
export type RequestHeaders = {
  /**
   * The value; of a repeated header all values joined by `, ` (cookies by `; `), so a repeated singleton such
   * as `authorization` reads as one malformed value and never as the caller's favourite of two.
   */
  get(name: string): string | undefined;
  /** Every line as it came, in order. */
  forEach(visit: (name: string, value: string) => void): void;
};

export type RequestView = {
  /** Upper case. */
  readonly method: string;
  /** Raw, not decoded, starts with `/`. */
  readonly path: string;
  /** Raw, without the `?`; empty if there is none. */
  readonly query: string;
  readonly headers: RequestHeaders;
  /**
   * The address at the other end of the connection, an IPv4-mapped one as IPv4. Read it before the first
   * await: of a connection that is gone by the first look it is empty.
   */
  readonly peer: string;
};

/**
 * One HTTP request and its answer. Data of the request is copied and stays valid. Every method may be called
 * at any time: after the client has gone, or after an answer, those that write do nothing.
 *
 * An answer is either one `respond`, or `start`, any number of `write`, and `end` (or `destroy`).
 */
export type Exchange = RequestView & {
  /** The client is gone; nothing can be answered. */
  readonly aborted: boolean;
  /** `respond` or `start` was called. */
  readonly answered: boolean;
  /** A body follows the headers, possibly an empty one. */
  readonly hasBody: boolean;
  /** Length of the body; undefined for a chunked one, 0 without one. */
  readonly contentLength: number | undefined;

  /** Called once if the client goes before the answer is complete; at once if it has gone already. */
  onAborted(callback: () => void): void;

  /** The whole body. Rejects with `too-large` above the limit (the answer then ends the connection) and with `bad-request` if the client goes. */
  body(limitBytes: number): Promise<Buffer>;
  /** Streams the body instead: chunks are the receiver's to keep. Without a body: one empty last chunk, at once. */
  onData(receive: (chunk: Buffer, last: boolean) => void): void;
  /** Stops reading from the client; chunks already read may still come. */
  pause(): void;
  resume(): void;

  /**
   * The whole answer. To HEAD the headers of the body go without it; to a status without a body likewise.
   * Throws `internal-error` on an unsafe header value, and then nothing is sent.
   */
  respond(status: number, headers: readonly Header[], body?: string | Buffer): void;

  /** Begins a streamed answer; without `contentLength` it is chunked. The head leaves with the first `write` or `end`. */
  start(status: number, headers: readonly Header[], contentLength?: number): void;
  /** False: the client is slow; the chunk is kept, write no more before `onWritable`. */
  write(chunk: Buffer): boolean;
  onWritable(callback: () => void): void;
  end(): void;
  /** Closes the connection at once: the only honest end of an answer that cannot be completed. */
  destroy(): void;

  /** The answer closes the connection. */
  closeAfter(): void;
  /** The handler deadline no longer applies; whoever calls it answers or destroys within time-outs of its own. */
  takeOver(): void;
};

/** One WebSocket with the data its upgrade gave it. Safe to use after it was closed. */
export type Socket<T> = {
  readonly data: T;
  readonly isOpen: boolean;
  /** Bytes accepted by `send` that the client has not taken yet. */
  readonly bufferedBytes: number;
  /**
   * `queued`: the client is slow, the message waits in memory. A client that leaves more than the limit
   * waiting is closed, for it has missed a message: that send is `dropped`, as is one after the close.
   */
  send(text: string): 'sent' | 'queued' | 'dropped';
  close(code: number, reason?: string): void;
};

export type SocketHandler<T> = {
  open(socket: Socket<T>): void | Promise<void>;
  message(socket: Socket<T>, text: string): void | Promise<void>;
  /** Always follows `open`, once. */
  close(socket: Socket<T>, code: number): void;
};

export type UpgradeDecision<T> =
  | { readonly accept: true; readonly protocol: string | undefined; readonly data: T }
  | { readonly accept: false; readonly error: AppError };

export type ServerOptions<T> = {
  /** Decides every request that is not a WebSocket upgrade below `upgrades.prefix`. May throw and reject: AppErrors become their problem, everything else 500. */
  readonly handler: (exchange: Exchange) => void | Promise<void>;
  readonly upgrades?: {
    /** Path prefix, such as `/_ropeline/`. */
    readonly prefix: string;
    readonly decide: (request: RequestView) => UpgradeDecision<T>;
    readonly handler: SocketHandler<T>;
    /** A larger message closes its socket. */
    readonly maxMessageBytes?: number;
    /** A client that leaves more than this untaken is closed. */
    readonly maxBufferedBytes?: number;
    /** Pings are sent well before; a client that does not answer them is closed after this. */
    readonly idleTimeoutSeconds?: number;
  };
  /** Told of everything a handler throws that is not an AppError. */
  readonly onError: (error: unknown, where: string) => void;
  /** Default and upper bound: what the process's descriptor limit leaves. */
  readonly maxConnections?: number;
  /** After this an exchange without an answer gets 503 `timeout`. */
  readonly handlerDeadlineMs?: number;
};

export type Server = {
  /** Resolves to the port; rejects if it cannot be had. Port 0 takes a free one; several processes may share a port. */
  listen(host: string, port: number): Promise<number>;
  /** No new connections; answers from now on close theirs. Open sockets stay. */
  stopListening(): void;
  /** Closes everything at once. */
  close(): void;
  readonly connections: number;
  readonly sockets: number;
  /** Exchanges whose answer is not complete. */
  readonly inFlight: number;
  /** Connections turned away at the limit. */
  readonly refused: number;
  readonly maxConnections: number;
};
