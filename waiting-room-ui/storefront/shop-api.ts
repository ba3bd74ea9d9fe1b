/** What the ticket service answers, as far as the shop shows it. */
export type Money = { readonly minor: number; readonly currency: string };
export type Offer = { readonly id: number; readonly title: string; readonly price: Money };
export type Stock = {
  readonly capacity: number;
  readonly held: number;
  readonly sold: number;
  readonly available: number;
};
export type OrderState = 'RESERVED' | 'PAYING' | 'COMPLETED' | 'CANCELLED' | 'EXPIRED';
export type Order = {
  readonly orderId: string;
  readonly state: OrderState;
  /** How many. */
  readonly units: number;
  readonly amount: Money;
  readonly holdUntil: number;
};
export type Session = { readonly accessToken: string };

/** A refusal with its stable code; `offline` = no answer that could be read. */
export class ShopProblem extends Error {
  readonly code: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: string, detail: string, retryAfterSeconds?: number) {
    super(detail);
    this.name = 'ShopProblem';
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

type Call = {
  readonly method?: 'GET' | 'POST';
  readonly body?: object;
  readonly token?: string | undefined;
  readonly idempotencyKey?: string;
};

/** Calls the ticket service through the gateway; the entry cookie goes along by itself. Throws `ShopProblem`. */
export async function callShop<T>(
  path: string,
  { method = 'GET', body, token, idempotencyKey }: Call = {},
): Promise<T> {
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body && { 'content-type': 'application/json' }),
        ...(token && { authorization: `Bearer ${token}` }),
        ...(idempotencyKey && { 'idempotency-key': idempotencyKey }),
      },
      ...(body && { body: JSON.stringify(body) }),
      cache: 'no-store',
      signal: AbortSignal.timeout(15_000),
    });
    answer = await response.json();
  } catch {
    throw new ShopProblem('offline', 'No answer');
  }
  // The service of the same release wrote it.
  if (response.ok) return answer as T;
  const { code, detail, title } = answer as { code?: string; detail?: string; title?: string };
  const retryAfter = Number(response.headers.get('retry-after'));
  throw new ShopProblem(
    code ?? 'unavailable',
    detail ?? title ?? 'Refused',
    retryAfter > 0 ? retryAfter : undefined,
  );
}
