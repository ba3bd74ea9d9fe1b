import { fileURLToPath } from 'node:url';
import type { CrowdOrder, CrowdReport } from './crowd-process.ts';
import { startProbed } from './probed.ts';

export type Crowd = {
  /** Resolves when all of them are there. */
  come(how: 'sockets' | 'pollers' | 'bare', room: string, count: number): Promise<void>;
  report(): Promise<CrowdReport>;
  stop(): Promise<void>;
};

const script = fileURLToPath(new URL('./crowd-process.ts', import.meta.url));

/** A process whose visitors come to one server; `windowMs` is the room's claim window. */
export function startCrowd(origin: string, windowMs = 0, core?: number): Crowd {
  const child = startProbed(script, [origin, String(windowMs)], {}, core);
  const order = (words: CrowdOrder): void => {
    child.process.send(words);
  };
  return {
    async come(how, room, count) {
      const done = child.message((said) => (said as { done?: number }).done);
      order({ do: how, room, count });
      await done;
    },
    report() {
      const report = child.message((said) => (said as { report?: CrowdReport }).report);
      order({ do: 'report' });
      return report;
    },
    stop: () => child.stop(),
  };
}
