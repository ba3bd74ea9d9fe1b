import type { QueueEngine } from './engine.ts';
import type { SpentPart } from './recovery-engine.ts';
import type { RoomCursor } from './room-cursor.ts';
import type { SpentRecord } from './spent-record.ts';

const chunkSize = 500;

/** Reads all that Redis knows into the record, page by page; what is heard meanwhile is newer and stays. */
export async function readSpentRecord(
  engine: QueueEngine,
  cursor: RoomCursor,
  record: SpentRecord,
): Promise<void> {
  const parts: SpentPart[] = ['ended', 'over', 'turns', ...cursor.lanes.map((_, lane) => ({ lane }))];
  for (const part of parts) {
    let from = '0';
    do {
      const page = await engine.recovery.readSpent(cursor, part, from);
      for (const word of page.words) record.take(word);
      from = page.next;
    } while (from !== '0');
  }
}

/** Puts the record back chunk by chunk and says that it is done. Repeat-safe. */
export async function restoreSpentRecord(
  engine: QueueEngine,
  cursor: RoomCursor,
  record: SpentRecord,
  isComplete: boolean,
): Promise<void> {
  let chunk: string[] = [];
  for (const word of record.words(isComplete)) {
    chunk.push(word);
    if (chunk.length < chunkSize) continue;
    await engine.recovery.restore(cursor, chunk);
    chunk = [];
  }
  await engine.recovery.restore(cursor, [...chunk, `p:${isComplete ? 1 : 0}`]);
}
