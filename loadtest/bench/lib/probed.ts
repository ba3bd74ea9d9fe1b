import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type Child, startChild, stopChild } from '../../../scripts/services/child.ts';
import { pinned } from './pinned.ts';
import type { Look, Question } from './probe.ts';

/** A process of ours with the probe in it. */
export type Probed = {
  readonly process: ChildProcess;
  /** The first message that `is` accepts; rejects with the process's last words when it ends before. */
  message<T>(is: (message: unknown) => T | undefined): Promise<T>;
  look(): Promise<Look>;
  /** Loop delays count from now. */
  reset(): void;
  stop(): Promise<void>;
  /** As a crash would: SIGKILL. */
  kill(): Promise<void>;
};

const probe = new URL('./probe.ts', import.meta.url).href;

export function startProbed(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  core?: number,
): Probed {
  const words: readonly [string, ...string[]] = [
    process.execPath,
    '--expose-gc',
    '--import',
    probe,
    script,
    ...args,
  ];
  const [command, ...rest] = pinned(core, words);
  const child = startChild(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  const message = <T>(is: (message: unknown) => T | undefined): Promise<T> => answerOf(child, is);
  const ask = (question: Question): void => {
    child.process.send(question);
  };
  return {
    process: child.process,
    message,
    look: () => {
      const answer = message((said) => (said as { look?: Look }).look);
      ask({ ask: 'look' });
      return answer;
    },
    reset: () => ask({ ask: 'reset' }),
    stop: () => stopChild(child.process, 'SIGTERM', 10_000),
    kill: () => stopChild(child.process, 'SIGKILL'),
  };
}

function answerOf<T>(child: Child, is: (message: unknown) => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const hear = (said: unknown): void => {
      const answer = is(said);
      if (answer === undefined) return;
      child.process.off('message', hear);
      resolve(answer);
    };
    child.process.on('message', hear);
    void once(child.process, 'exit').then(() =>
      reject(new Error(`a process of the benchmark ended:\n${child.tail()}`)),
    );
  });
}
