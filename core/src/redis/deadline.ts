import type { Command } from 'ioredis';

/** In which a deadline is looked at. */
const parts = 4;

/**
 * Rejects a command that has no answer after `ms`. It is counted in parts, and one that the timer shows late by as much
 * again does not count: a process that was stopped for a while finds the answers of that time only after its timers.
 */
export function setDeadline(command: Command, ms: number): void {
  if (deadlineOf(command) !== undefined) return;
  const partMs = ms / parts;
  let left = parts;
  let dueAt = Date.now() + partMs;
  const timer = setTimeout(() => {
    if (command.isSettled) return;
    const now = Date.now();
    if (now - dueAt < partMs) left -= 1;
    if (left === 0) {
      command.reject(new Error('Command timed out'));
      return;
    }
    dueAt = now + partMs;
    timer.refresh();
  }, partMs);
  // In place of the library's own deadline, which knows no parts: it clears this one when the command is settled.
  Object.assign(command, { _commandTimeoutTimer: timer });
}

function deadlineOf(command: Command): unknown {
  return Reflect.get(command, '_commandTimeoutTimer');
}
