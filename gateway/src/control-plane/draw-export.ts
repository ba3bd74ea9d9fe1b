import { setImmediate as turn } from 'node:timers/promises';
import { ask } from '../queue/ask.ts';
import { publicDraw } from '../queue/draw/draw-state.ts';
import type { LiveRoom } from '../queue/live-room.ts';

const participantsAPage = 2_000;

/**
 * A draw as lines of JSON: what it was made from, then every participant in the order of the places, then the end, so
 * that a file that was cut off is noticed. Read in pages, so it costs neither Redis nor this process a long turn.
 * What the lines mean: docs/draw.md.
 */
export async function* drawLines(room: LiveRoom): AsyncGenerator<string> {
  const { run } = room.cursor;
  const { opensAt } = room.rules.schedule;
  const { frozenAt, madeAt } = room.draw.state;
  const head = { ropelineDraw: 1, room: room.name, run, ...publicDraw(room.rules, room.draw.state) };
  yield line({ ...head, ...(opensAt === undefined ? {} : { opensAt }), closedAt: frozenAt, drawnAt: madeAt });
  const places = new Map<string, number>();
  let listed = 0;
  for (;;) {
    const from = listed;
    const some = await ask(room, () => room.engine.draw.participants(room.cursor, from, participantsAPage));
    if (room.cursor.run !== run) throw new Error('the room was reset while its draw was exported');
    let text = '';
    for (const { member, score } of some) {
      const at = member.indexOf(':');
      const lane = member.slice(0, at);
      const place = (places.get(lane) ?? 0) + 1;
      places.set(lane, place);
      text += line({ lane, place, visitor: member.slice(at + 1), score });
    }
    listed += some.length;
    if (some.length > 0) yield text;
    if (some.length < participantsAPage) break;
    await turn();
  }
  yield line({ end: true, listed });
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
