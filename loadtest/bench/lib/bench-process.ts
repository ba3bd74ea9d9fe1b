import { once } from 'node:events';
import { type Child, startChild, stopChild } from '../../../scripts/services/child.ts';
import { pinned } from './pinned.ts';

export type BenchProcess = { readonly url: string; stop(): Promise<void> };

/**
 * Runs a script of ours in a process of its own. It listens on any port and tells it by `reportPort`; it ends with
 * its parent.
 */
export async function startBenchProcess(
  script: URL,
  args: readonly string[],
  core?: number,
): Promise<BenchProcess> {
  const [command, ...rest] = pinned(core, [process.execPath, script.pathname, ...args]);
  const child = startChild(command, rest, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const port = await portOf(child);
  return { url: `http://127.0.0.1:${port}`, stop: () => stopChild(child.process) };
}

/** In the child: tells the parent where it listens, and ends with it. */
export function reportPort(port: number): void {
  process.send?.({ port });
  process.on('disconnect', () => process.exit(0));
}

async function portOf(child: Child): Promise<number> {
  const [message] = await Promise.race([
    once(child.process, 'message'),
    once(child.process, 'exit').then(() => {
      throw new Error(`a process of the benchmark ended:\n${child.tail()}`);
    }),
  ]);
  return (message as { port: number }).port;
}
