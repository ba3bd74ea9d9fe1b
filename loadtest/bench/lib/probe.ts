import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * Loaded into a measured process before its own code (`--import`): answers its parent's questions about memory and
 * the event loop, so that what runs is the process as it is.
 */
export type Question = { readonly ask: 'reset' | 'look' };

export type Look = {
  readonly rssBytes: number;
  /** JavaScript and what it holds outside of its heap, after a collection. */
  readonly heapBytes: number;
  /** How late timers came since the last reset: how long turns of the loop were. */
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
};

const resolutionMs = 1;
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();

process.on('message', (question: Question) => {
  if (question.ask === 'reset') delay.reset();
  if (question.ask === 'look') process.send?.({ look: look() });
});
// Only the process's own work may keep it running.
process.channel?.unref();

function look(): Look {
  const late = { p99: delay.percentile(99), max: delay.max };
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    rssBytes: rss,
    heapBytes: heapUsed + external,
    loopP99Ms: late.p99 / 1e6 - resolutionMs,
    loopMaxMs: late.max / 1e6 - resolutionMs,
  };
}
