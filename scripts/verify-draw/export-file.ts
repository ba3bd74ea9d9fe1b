/** One participant as the export tells it. */
export type Row = {
  readonly lane: string;
  readonly place: number;
  readonly visitor: string;
  readonly score: number;
};

export type Head = {
  readonly room: string;
  readonly run: number;
  readonly commitment: string;
  readonly seed: string;
  readonly participants: number;
  readonly participantsHash: string;
  readonly beaconName?: string;
  readonly beacon?: string;
};

export type ExportFile = {
  readonly head: Head;
  readonly rows: readonly Row[];
  /** How many participants the last line speaks of; undefined when the file was cut off. */
  readonly listed: number | undefined;
};

/** Reads the lines of an export. Throws, naming the line, at what is no such line. */
export async function readExport(lines: AsyncIterable<string>): Promise<ExportFile> {
  let head: Head | undefined;
  let listed: number | undefined;
  let number = 0;
  const rows: Row[] = [];
  for await (const text of lines) {
    number += 1;
    if (text === '') continue;
    const value = parse(text, number);
    if (listed !== undefined) throw new Error(`line ${number}: there is more behind the end`);
    if (head === undefined) head = asHead(value, number);
    else if (value['end'] === true) listed = Number(value['listed']);
    else rows.push(asRow(value, number));
  }
  if (head === undefined) throw new Error('it is empty');
  return { head, rows, listed };
}

type Members = Readonly<Record<string, unknown>>;

function parse(text: string, number: number): Members {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Members;
  } catch {
    // told below
  }
  throw new Error(`line ${number}: not an object in JSON`);
}

function asHead(value: Members, number: number): Head {
  if (value['ropelineDraw'] !== 1) throw new Error(`line ${number}: not the head of a draw of version 1`);
  const texts = ['room', 'commitment', 'seed', 'participantsHash'].filter(
    (name) => typeof value[name] !== 'string',
  );
  if (texts.length > 0) throw new Error(`line ${number}: lacks ${texts.join(', ')}`);
  // Decode boundary: what is used of it was looked at above, the rest is compared and shown only.
  return value as unknown as Head;
}

function asRow(value: Members, number: number): Row {
  const { lane, place, visitor, score } = value;
  if (typeof lane !== 'string' || typeof visitor !== 'string' || !Number.isSafeInteger(score)) {
    throw new Error(`line ${number}: not a participant`);
  }
  return { lane, visitor, place: Number(place), score: score as number };
}
