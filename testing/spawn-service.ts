import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { startChild, stopChild } from '../scripts/services/child.ts';
import { freePort } from '../scripts/services/free-port.ts';
import { until } from './until.ts';

export type SpawnedService = {
  readonly url: string;
  /** All that it has written to its standard output. */
  readonly printed: () => string;
  /** As a crash would: SIGKILL, and waits until it is gone. */
  readonly kill: () => Promise<void>;
  /** SIGSTOP freezes it between any two instructions, SIGCONT lets it go on. */
  readonly signal: (name: 'SIGSTOP' | 'SIGCONT') => void;
  /** SIGTERM; resolves to the exit code. */
  readonly stop: () => Promise<number | null>;
};

/**
 * Starts a process of the repository (`main` relative to its root) on the port that the variable `portName` names,
 * else on a free one, and waits until `/health/live` answers. It is killed at the end of the test.
 */
export async function spawnService(
  main: string,
  portName: string,
  env: Record<string, string>,
): Promise<SpawnedService> {
  const port = Number(env[portName] ?? (await freePort()));
  const url = `http://127.0.0.1:${port}`;
  const path = fileURLToPath(new URL(`../${main}`, import.meta.url));
  const child = startChild(process.execPath, [path], {
    env: { LOG_LEVEL: 'warn', [portName]: String(port), ...env },
  });
  let printed = '';
  child.process.stdout?.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const kill = (): Promise<void> => stopChild(child.process, 'SIGKILL');
  onTestFinished(kill);
  try {
    await until(async () => {
      if (child.process.exitCode !== null) return 'died';
      return (await fetch(`${url}/health/live`)).ok;
    });
    if (child.process.exitCode !== null) throw new Error('it died');
  } catch (cause) {
    throw new Error(`${main} did not start:\n${child.tail()}`, { cause });
  }
  return {
    url,
    printed: () => printed,
    kill,
    signal: (name) => child.process.kill(name),
    stop: async () => {
      await stopChild(child.process, 'SIGTERM', 60_000);
      return child.process.exitCode;
    },
  };
}
