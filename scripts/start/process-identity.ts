import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process that is told apart from a later one of the same number: its id and when it was started.
 * Process ids are reused, quickly in containers.
 */
export type ProcessIdentity = { readonly pid: number; readonly since: string };

/** The identity of a living process; undefined when there is none of this id. */
export function identify(pid: number): ProcessIdentity | undefined {
  const since = process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
  return since === undefined ? undefined : { pid, since };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.since === identity.since;
}

/** Signals exactly this process; a process that has gone, or another of its number, is left alone. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch {
    // It went in between.
  }
}

/** Clock ticks since boot at which it was started; a zombie has gone. */
function fromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything, spaces included; what follows are plain fields, state first.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function fromPs(pid: number): string | undefined {
  const answer = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return answer.stdout?.trim() || undefined;
}
