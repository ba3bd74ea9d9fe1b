/** What the room did, in its own words and by Redis' clock. */
export type RoomEvent = {
  /** Unix ms, Redis time. */
  readonly at: number;
  readonly kind: 'admitted' | 'claimed' | 'ended' | 'lapsed' | 'struck' | 'left' | 'queue-ended';
  readonly visitor: string;
};

export type RoomRecord = {
  readonly events: readonly RoomEvent[];
  /** Messages that never arrived; a record with a gap proves nothing. */
  readonly missing: number;
  /** More than one means that the room lost its Redis on the way. */
  readonly epochs: number;
};

const kinds: Record<string, RoomEvent['kind'] | undefined> = {
  a: 'admitted',
  c: 'claimed',
  e: 'ended',
  l: 'lapsed',
  x: 'struck',
  q: 'left',
  z: 'queue-ended',
};

/**
 * Reads messages of the room's broadcast, in the order of their arrival: a header line
 * `epochId sequence message now version`, then one line an event (lua/include/broadcast.lua). The message number
 * has no gaps, so a lost message shows.
 */
export function readRecord(messages: readonly string[]): RoomRecord {
  const events: RoomEvent[] = [];
  const epochs = new Set<string>();
  let missing = 0;
  let last: number | undefined;
  for (const message of messages) {
    const [head = '', ...lines] = message.split('\n');
    const [epoch = '', , number, now] = head.split(' ');
    epochs.add(epoch);
    if (last !== undefined) missing += Math.max(0, Number(number) - last - 1);
    last = Number(number);
    for (const line of lines) {
      const [letter = '', visitor = '', ...words] = line.split(' ');
      const kind = kinds[letter];
      if (kind !== undefined) events.push({ at: Number(now), kind, visitor });
      // Turns given together: `h lane claimBy turn visitor score visitor score ...`.
      if (letter === 'h')
        for (const [i, word] of words.slice(2).entries())
          if (i % 2 === 0) events.push({ at: Number(now), kind: 'admitted', visitor: word });
    }
  }
  return { events, missing, epochs: epochs.size };
}

/** Times of the events of one kind. */
export function timesOf(record: RoomRecord, kind: RoomEvent['kind']): readonly number[] {
  return record.events.filter((event) => event.kind === kind).map((event) => event.at);
}
