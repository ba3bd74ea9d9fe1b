import { readFileSync } from 'node:fs';
import { ConfigError } from '@ropeline/core/config.ts';
import { roomNamePattern } from '@ropeline/core/redis/room-keys.ts';
import { parseDocument } from 'yaml';
import { checkRoom } from './control-plane/check-room.ts';
import type { Rooms } from './queue/rooms.ts';
import { defaultRules, mergeRules, type RoomRules } from './queue/rules.ts';

export type RoomsFile = ReadonlyMap<string, RoomRules>;

/** Reads and checks a rooms file. Throws {@link ConfigError} with all that is wrong with it. */
export function loadRoomsFile(path: string): RoomsFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`ROOMS_FILE: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`]);
  }
  return parseRoomsFile(text, path);
}

/** `rooms: {<name>: <rules that differ from the defaults>}`; `file` is what problems name. */
export function parseRoomsFile(text: string, file: string): RoomsFile {
  const document = parseDocument(text);
  const problems = document.errors.map((error) => `${file}: ${error.message.split('\n')[0]}`);
  if (problems.length > 0) throw new ConfigError(problems);
  const { rooms, ...others } = membersOf(toPlain(document, file), file, 'a mapping with the member rooms');
  problems.push(...Object.keys(others).map((member) => `${file}: has no member ${member}`));
  const read = new Map<string, RoomRules>();
  for (const [name, differences] of Object.entries(membersOf(rooms, file, 'rooms: a mapping of rooms'))) {
    const rules = mergeRules(defaultRules, differences ?? {});
    const found = [
      ...(new RegExp(roomNamePattern).test(name) ? [] : ['its name must be 1 to 40 of a-z, 0-9 and -']),
      ...checkRoom(rules).map(({ path, message }) => `${path} ${message}`),
    ];
    problems.push(...found.map((problem) => `${file}: room ${name}: ${problem}`));
    read.set(name, rules as RoomRules);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return read;
}

const madeTogether = 50;

/**
 * Makes the rooms that were never made; those that exist are left as they are, and those that an operator has deleted
 * stay deleted.
 */
export async function createMissingRooms(rooms: Rooms, file: RoomsFile): Promise<void> {
  const missing = [...file].filter(([name]) => rooms.get(name) === undefined);
  for (let i = 0; i < missing.length; i += madeTogether) {
    await Promise.all(
      missing.slice(i, i + madeTogether).map(async ([name, rules]) => {
        if (!(await rooms.wasDeleted(name))) await rooms.create(name, rules, 'rooms-file');
      }),
    );
  }
}

/** Aliases may nest so that a small file is huge: those are refused here. */
function toPlain(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new ConfigError([`${file}: ${(error as Error).message}`]);
  }
}

function membersOf(value: unknown, file: string, wanted: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError([`${file}: must be ${wanted}`]);
  }
  return value as Record<string, unknown>;
}
