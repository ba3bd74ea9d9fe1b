import { Agent, request } from 'undici';
import type { Charge, ChargeOutcome, PaymentProvider } from './provider.ts';

type Options = {
  /** Base address; the call is `POST <url>/charges`. */
  readonly url: string;
  /** Deadline of a charge, tries included. */
  readonly timeoutMs?: number;
  readonly maxConnections?: number;
};

export type HttpProvider = PaymentProvider & { readonly close: () => Promise<void> };

/** The payment provider over HTTP. A connection that dies under a charge is tried once more: the reference is its key. */
export function httpProvider({ url, timeoutMs = 5_000, maxConnections = 64 }: Options): HttpProvider {
  const dispatcher = new Agent({
    connections: maxConnections,
    keepAliveTimeout: 4_000,
    connect: { timeout: Math.min(2_000, timeoutMs) },
  });
  const address = new URL('/charges', url).href;

  async function send(charge: Charge, signal: AbortSignal): Promise<ChargeOutcome> {
    const { statusCode, body } = await request(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(charge),
      dispatcher,
      signal,
    });
    const answer: unknown = await body.json().catch(() => undefined);
    return readOutcome(statusCode, answer);
  }

  return {
    async charge(charge) {
      const signal = AbortSignal.timeout(timeoutMs);
      for (let tries = 1; ; tries += 1) {
        try {
          const outcome = await send(charge, signal);
          // A refusal says nothing of an earlier call that died: that one may have been charged.
          return outcome.kind === 'error' && tries > 1 ? { ...outcome, kind: 'unknown' } : outcome;
        } catch (error) {
          const outcome = readFailure(error, tries);
          if (outcome !== undefined) return outcome;
        }
      }
    },
    close: () => dispatcher.close(),
  };
}

/** 4xx that only say "not now". */
const undecided = new Set([408, 409, 425, 429]);

function readOutcome(status: number, answer: unknown): ChargeOutcome {
  if (status === 200 || status === 201) return { kind: 'paid' };
  if (status === 402) return { kind: 'declined' };
  const uncharged = (answer as { charged?: unknown } | undefined)?.charged === false;
  const refused = status >= 400 && status < 500 && !undecided.has(status);
  return { kind: uncharged || refused ? 'error' : 'unknown', detail: `the provider answered ${status}` };
}

/** Undefined: try once more. The first try that could not even connect has charged nothing; a second proves nothing. */
function readFailure(error: unknown, tries: number): ChargeOutcome | undefined {
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ENOTFOUND') {
    return { kind: tries === 1 ? 'error' : 'unknown', detail: code };
  }
  if (tries === 1 && (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'))
    return undefined;
  return { kind: 'unknown', detail: code ?? message ?? 'no answer' };
}
