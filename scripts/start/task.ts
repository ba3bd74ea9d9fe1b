import { once } from 'node:events';
import { lastWords, launch, type Program } from './program.ts';
import { Refusal } from './refusal.ts';

/** Runs a program to its end; throws {@link Refusal} with its last words when it fails, and kills it on abort. */
export async function runTask(program: Program, stopped: AbortSignal): Promise<void> {
  stopped.throwIfAborted();
  const child = launch(program);
  const kill = (): void => void child.kill('SIGKILL');
  stopped.addEventListener('abort', kill, { once: true });
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    if (code === 0) return;
    stopped.throwIfAborted();
    const how = signal ?? `exit code ${code}`;
    const words = lastWords(program).replaceAll(/^/gm, '    ');
    throw new Refusal(`${program.name} failed (${how}). Its last words (${program.logFile}):\n${words}`);
  } finally {
    stopped.removeEventListener('abort', kill);
  }
}
