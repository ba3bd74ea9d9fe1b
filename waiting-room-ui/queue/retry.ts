/** What the end of a socket means for the visitor. */
export type AfterClose = { readonly retryMs: number } | { readonly over: string };

/**
 * Close codes from 4500 are final and their reason names why; below, the server says when to come back. Anything
 * else is a plain loss: everybody on that gateway lost theirs at the same instant, so come back spread over 3 s,
 * and over more while it keeps failing.
 */
export function afterClose(code: number, reason: string, failures: number, random = Math.random): AfterClose {
  const said = parse(reason);
  if (code >= 4_500 && code < 5_000) {
    return { over: typeof said['code'] === 'string' ? said['code'] : 'place-over' };
  }
  const asked = said['retryAfterMs'];
  if (code >= 4_000 && code < 4_500 && typeof asked === 'number' && asked >= 0) return { retryMs: asked };
  return { retryMs: random() * 3_000 * 2 ** Math.min(failures, 2) };
}

/** Between polls: never above what the server asked for or 5 s, spread so that a crowd does not ask in step. */
export function pollDelayMs(pollAfterMs: number, random = Math.random): number {
  return Math.min(pollAfterMs, 5_000) * (0.8 + 0.2 * random());
}

function parse(reason: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(reason);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
