/**
 * What is used of uWebSockets.js' types, so that only uws.ts needs the library. Every method of a response throws
 * once its connection is gone or its answer has ended; the data of a request is gone when its handler returns.
 */
export type RawResponse = {
  writeStatus(status: string): unknown;
  writeHeader(name: string, value: string): unknown;
  write(chunk: Uint8Array): boolean;
  end(body?: string | Uint8Array, closeConnection?: boolean): unknown;
  endWithoutBody(): unknown;
  tryEnd(chunk: Uint8Array, totalBytes: number): [ok: boolean, done: boolean];
  getWriteOffset(): number;
  onWritable(callback: (offset: number) => boolean): unknown;
  onAborted(callback: () => void): unknown;
  onData(callback: (chunk: ArrayBuffer, last: boolean) => void): unknown;
  cork(callback: () => void): unknown;
  pause(): void;
  resume(): void;
  close(): unknown;
  getRemoteAddressAsText(): ArrayBuffer;
};

export type RawRequest = {
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  getQuery(): string | undefined;
  forEach(visit: (name: string, value: string) => void): void;
};

const mapped = '0000:0000:0000:0000:0000:ffff:';

/** The remote address as text; an IPv4-mapped one as IPv4. */
export function peerOf(raw: Pick<RawResponse, 'getRemoteAddressAsText'>): string {
  const text = Buffer.from(raw.getRemoteAddressAsText()).toString('latin1');
  if (!text.startsWith(mapped)) return text;
  const bits = Number.parseInt(text.slice(mapped.length).replace(':', ''), 16);
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}
