/** A Redis stream id, `<ms>-<seq>`; both parts fit a number (ms for 280,000 years, seq within a millisecond). */
export type StreamId = { readonly ms: number; readonly seq: number };

export const beforeAll: StreamId = { ms: 0, seq: 0 };

/** Throws when the text is not a complete stream id. */
export function parseStreamId(text: string): StreamId {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(text);
  if (match === null) throw new Error(`not a stream id: ${JSON.stringify(text)}`);
  return { ms: Number(match[1]), seq: Number(match[2]) };
}

export const streamIdText = ({ ms, seq }: StreamId): string => `${ms}-${seq}`;

export const after = ({ ms, seq }: StreamId): StreamId => ({ ms, seq: seq + 1 });

/** Negative when `a` is before `b`. */
export const compareStreamIds = (a: StreamId, b: StreamId): number => a.ms - b.ms || a.seq - b.seq;
