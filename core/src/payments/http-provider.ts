import { Agent, request } from 'undici';
import { callbackSignatureHeader, isSignedCallback } from './callback-signature.ts';
import type { CallbackReader, ChargeOutcome, PaymentProvider, RefundOutcome } from './provider.ts';

type Options = {
  /** Base address; the calls are `POST <url>/charges` and `POST <url>/refunds`. */
  readonly url: string;
  /** Deadline of a charge, tries included. */
  readonly timeoutMs?: number;
  readonly maxConnections?: number;
};

/** The payment provider over HTTP. A connection that dies under a charge is tried once more: the reference is its key. */
export function httpProvider({ url, timeoutMs = 5_000, maxConnections = 64 }: Options): PaymentProvider {
  const dispatcher = new Agent({
    connections: maxConnections,
    keepAliveTimeout: 4_000,
    connect: { timeout: Math.min(2_000, timeoutMs) },
  });
  const charges = new URL('/charges', url).href;
  const refunds = new URL('/refunds', url).href;

  async function post(address: string, json: unknown, signal: AbortSignal): Promise<[number, unknown]> {
    const { statusCode, body } = await request(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(json),
      dispatcher,
      signal,
    });
    return [statusCode, await body.json().catch(() => undefined)];
  }

  /** Status 0: no answer. */
  async function look(reference: string): Promise<[number, unknown]> {
    try {
      const { statusCode, body } = await request(`${charges}?reference=${encodeURIComponent(reference)}`, {
        dispatcher,
        signal: AbortSignal.timeout(timeoutMs),
      });
      return [statusCode, await body.json().catch(() => undefined)];
    } catch {
      return [0, undefined];
    }
  }

  return {
    needsMethod: false,
    async charge({ reference, amountMinor, currency }) {
      const charge = { reference, amountMinor, currency };
      const signal = AbortSignal.timeout(timeoutMs);
      for (let tries = 1; ; tries += 1) {
        try {
          const outcome = readOutcome(...(await post(charges, charge, signal)));
          // A refusal says nothing of an earlier call that died: that one may have been charged.
          return outcome.kind === 'error' && tries > 1 ? { ...outcome, kind: 'unknown' } : outcome;
        } catch (error) {
          const outcome = readFailure(error, tries);
          if (outcome !== undefined) return outcome;
        }
      }
    },
    find: async ({ reference }) => readFound(...(await look(reference))),
    findRefund: async ({ reference }) => readFoundRefund(...(await look(reference))),
    async refund({ reference }) {
      try {
        return readRefund(...(await post(refunds, { reference }, AbortSignal.timeout(timeoutMs))));
      } catch (error) {
        const { code, message } = error as { code?: string; message?: string };
        return { kind: 'unknown', detail: code ?? message ?? 'no answer' };
      }
    },
    close: () => dispatcher.close(),
  };
}

/** Reads the callbacks of the payment simulator. */
export function httpCallbacks(secret: string): CallbackReader {
  return ({ headers, body }) => {
    const signature = headers[callbackSignatureHeader];
    if (typeof signature !== 'string' || !isSignedCallback(secret, signature, body))
      return { kind: 'forged' };
    const reference = referenceIn(body);
    return reference === undefined ? { kind: 'other' } : { kind: 'charge', reference };
  };
}

function referenceIn(body: string): string | undefined {
  try {
    const { charge } = JSON.parse(body) as { charge?: { reference?: unknown } };
    return typeof charge?.reference === 'string' ? charge.reference : undefined;
  } catch {
    return undefined;
  }
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

function readFound(status: number, answer: unknown): ChargeOutcome {
  const { state } = (answer ?? {}) as { state?: unknown };
  if (status === 200 && (state === 'paid' || state === 'refunded')) return { kind: 'paid' };
  if (status === 200 && state === 'declined') return { kind: 'declined' };
  return { kind: 'unknown', detail: `the provider answered ${status}` };
}

function readFoundRefund(status: number, answer: unknown): RefundOutcome {
  const { state } = (answer ?? {}) as { state?: unknown };
  if (status === 200 && state === 'refunded') return { kind: 'refunded' };
  const detail = `the provider answered ${status}, ${state}`;
  return { kind: status === 200 && state === 'paid' ? 'failed' : 'unknown', detail };
}

function readRefund(status: number, answer: unknown): RefundOutcome {
  if (status === 200 || status === 201) return { kind: 'refunded' };
  const detail = `the provider answered ${status}`;
  // Only what the provider says in its own words is certain: a proxy in between has its 404s too.
  const { code } = (answer ?? {}) as { code?: unknown };
  const nothing = (status === 409 && code === 'wrong-state') || (status === 404 && code === 'not-found');
  return { kind: nothing ? 'nothing' : 'unknown', detail };
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
