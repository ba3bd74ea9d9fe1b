import type { RoomPaths } from '@ropeline/core/protocol/queue-page.ts';
import type { Entry, Status } from '@ropeline/core/protocol/status.ts';

/** `problem` is a stable code of the wire contract; `offline` = no answer at all. */
export type Refusal = {
  readonly problem: string;
  readonly retryAfterMs: number;
  readonly opensAt?: number;
};
export type Answer<T> = { readonly ok: T } | Refusal;

const deadlineMs = 10_000;
const usualRetryMs = 3_000;

/** The three calls the page makes beside its socket. The place cookie goes along by itself. */
export class RoomApi {
  readonly #paths: RoomPaths;
  readonly #to: string;

  constructor(paths: RoomPaths, to: string) {
    this.#paths = paths;
    this.#to = to;
  }

  join(): Promise<Answer<Status>> {
    return call<Status>(this.#paths.join, { to: this.#to });
  }

  status(): Promise<Answer<Status>> {
    return call<Status>(this.#paths.status);
  }

  claim(): Promise<Answer<Entry>> {
    return call<Entry>(this.#paths.claim, { to: this.#to });
  }
}

/** With a body it is a POST. */
async function call<T>(address: string, body?: object): Promise<Answer<T>> {
  try {
    const response = await fetch(address, {
      ...(body && {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
      cache: 'no-store',
      signal: AbortSignal.timeout(deadlineMs),
    });
    const answer: unknown = await response.json();
    // The gateway of the same release wrote it; what is missing shows as missing.
    return response.ok ? { ok: answer as T } : refusal(response, answer as Record<string, unknown>);
  } catch {
    return { problem: 'offline', retryAfterMs: usualRetryMs };
  }
}

function refusal(response: Response, answer: Record<string, unknown>): Refusal {
  const { code, opensAt } = answer;
  const seconds = Number(response.headers.get('retry-after'));
  return {
    problem: typeof code === 'string' ? code : 'unavailable',
    retryAfterMs: seconds > 0 ? seconds * 1_000 : usualRetryMs,
    ...(typeof opensAt === 'number' ? { opensAt } : {}),
  };
}
