import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Board } from './crowd/board.ts';
import { crowdHelp, readCrowdOptions } from './crowd/options.ts';
import { Visitor } from './crowd/visitor.ts';
import { onInterrupt } from './interrupts.ts';
import { readAddresses } from './start/addresses.ts';

/** `npm run crowd -- 500`: visitors that join a room, wait on a socket, take their turn, may buy, and leave. */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dataDir = resolve(root, process.env['DATA_DIR'] || '.data');
const defaultUrl =
  readAddresses(dataDir)?.gateway ?? `http://127.0.0.1:${process.env['GATEWAY_PORT'] || 8080}`;

try {
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function main(): Promise<number> {
  const options = readCrowdOptions(process.argv.slice(2), defaultUrl);
  if (options === undefined) {
    console.log(crowdHelp);
    return 0;
  }
  await checkRoom(options.url, options.room);
  const board = new Board(options.visitors);
  const visitors = Array.from(
    { length: options.visitors },
    (_, index) => new Visitor(index + 1, options, board),
  );
  const end = new AbortController();
  onInterrupt(() => {
    console.log('\nThe crowd leaves ...');
    end.abort();
  });
  const timer = setTimeout(() => end.abort(), options.maxMinutes * 60_000);
  const stopDrawing = board.draw();
  console.log(
    `${options.visitors} visitors come to ${options.url}, room ${options.room}, within ${options.arriveSeconds} s.`,
  );
  await Promise.all(visitors.map((visitor) => visitor.visit(end.signal)));
  clearTimeout(timer);
  stopDrawing();
  console.log(board.report());
  return board.errors === 0 ? 0 : 1;
}

/** Says at once when nothing is there, instead of five hundred times. */
async function checkRoom(url: string, room: string): Promise<void> {
  let answer: Response;
  try {
    answer = await fetch(`${url}/_ropeline/rooms/${room}`, { signal: AbortSignal.timeout(5_000) });
  } catch (cause) {
    throw new Error(`No waiting room answers at ${url}. Start one with "npm start", or say --url.`, {
      cause,
    });
  }
  if (!answer.ok) throw new Error(`There is no room "${room}" at ${url} (HTTP ${answer.status}).`);
}
