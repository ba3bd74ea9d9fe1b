import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { parseBroadcast, type RoomEvent } from '../../src/queue/broadcast.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function usedHeap(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const lane = 'a-lane-with-a-long-name';
const [visitor, score] = ['a-visitor-with-a-long-id', 2 ** 52 + 1];
const lines = [
  `h ${lane} 5 1 ${visitor} ${score}`,
  `c ${visitor} 1 9 ${lane} ${score} served`,
  `l ${visitor} 1 ${lane} ${score}`,
  `w ${visitor} ${score} 1 ${lane} 1`,
  `x ${visitor} ${lane} ${score}`,
  `y ${visitor} ${lane} ${score}`,
  `q ${visitor} 1 left ${lane} ${score}`,
];
const messages = 40;
const messageBytes = 250_000;

test.each(lines)('who remembers the event of %j keeps nothing else of its message in memory', (line) => {
  const kept: RoomEvent[] = [];
  const before = usedHeap();
  for (let i = 0; i < messages; i += 1) {
    const others = Buffer.alloc(messageBytes, 97);
    kept.push(
      ...parseBroadcast(`${Buffer.concat([Buffer.from(`e 1 ${i} 2 3\n${line}\n? `), others])}`).events,
    );
  }
  expect(usedHeap() - before).toBeLessThan((messages * messageBytes) / 2);
  expect(kept).toHaveLength(messages);
  expect(kept[0]).toMatchObject({ visitor, at: { lane, score } });
});
