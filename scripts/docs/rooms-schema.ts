import { RoomsFileSchema } from '../../gateway/src/rooms-schema.ts';

/** Text of docs/rooms.schema.json. */
export function roomsSchemaFile(): string {
  return `${JSON.stringify(RoomsFileSchema, undefined, 2)}\n`;
}
