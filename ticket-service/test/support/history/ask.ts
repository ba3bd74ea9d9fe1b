import type { Call, ToldOrder } from './history.ts';

export type Request = Pick<Call, 'wish' | 'offerId' | 'key' | 'orderId'> & {
  /** Below `/api/`. */
  readonly path: string;
  readonly json?: unknown;
};

type Asking = {
  readonly name: string;
  readonly token: string;
  /** Address of a ticket service. */
  readonly service: string;
  /** The call is written down here. */
  readonly calls: Call[];
  readonly answerWithinMs?: number;
};

/** One call of a member; never throws: that no answer came is noted, too. */
export async function askAndNote(
  { name, token, service, calls, answerWithinMs = 4_000 }: Asking,
  { path, json, ...request }: Request,
): Promise<Call> {
  const began = Date.now();
  const note = (answer: Partial<Call>): Call => {
    const call: Call = { ...request, member: name, began, ended: Date.now(), ...answer };
    calls.push(call);
    return call;
  };
  try {
    const response = await fetch(`${service}/api/${path}`, {
      method: request.wish === 'read' ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'idempotency-key': request.key,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      signal: AbortSignal.timeout(answerWithinMs),
    });
    const body = (await response.json()) as Record<string, unknown>;
    const code = body['code'] ?? body['outcome'];
    return note({
      status: response.status,
      ...(typeof code === 'string' ? { code } : {}),
      ...(response.ok && 'orderId' in body ? { told: read(body) } : {}),
    });
  } catch {
    return note({});
  }
}

function read(body: Record<string, unknown>): ToldOrder {
  // The answer's schema is the service's promise; what differs from it shows as a difference to the end.
  const { orderId, state, version, units, amount, holdUntil } = body as unknown as Omit<
    ToldOrder,
    'units'
  > & {
    readonly units: number | readonly string[];
    readonly amount: { readonly minor: number };
  };
  return { orderId, state, version, units: String(units), amountMinor: amount.minor, holdUntil };
}
