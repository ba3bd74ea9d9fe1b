/**
 * Calls `first` at the first request to stop and `again` at a later one. Requests come as SIGINT, SIGTERM or SIGHUP,
 * as the word `stop` from scripts/bootstrap.mjs, or as the end of the channel to it. One Ctrl-C reaches a program
 * several times (terminal, npm, bootstrap), so requests within a second are one.
 */
export function onInterrupt(first: () => void, again: () => void = () => process.exit(130)): void {
  let since: number | undefined;
  const ask = (): void => {
    const now = performance.now();
    if (since === undefined) {
      since = now;
      first();
    } else if (now - since > 1_000) {
      again();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
  process.on('disconnect', ask);
  process.on('message', (message) => {
    if (message === 'stop') ask();
  });
  // Listening must not keep a program alive that has finished.
  process.channel?.unref();
}
