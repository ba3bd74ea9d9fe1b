import http, { type RefinedResponse } from 'k6/http';

/** Where the ticket service is, straight: the scripts of the replaced systems know no waiting room. */
export const base = __ENV['BASE_URL'] ?? 'http://127.0.0.1:8081';

export type Call = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Of the request in metrics. */
  readonly name: string;
  readonly body?: object;
  readonly headers?: Record<string, string>;
};

/** One call of a replaced system, its answer as it came. */
export function call(wanted: Call): RefinedResponse<'text'> {
  const { method, url, body, params } = prepared(wanted);
  return http.request(method, url, body, { ...params, responseType: 'text' });
}

/** The same for `http.batch`: several at the same moment. */
export function prepared({ method, path, name, body, headers }: Call): {
  method: string;
  url: string;
  body: string | null;
  params: { headers: Record<string, string>; tags: Record<string, string>; timeout: string };
} {
  const json = body === undefined ? {} : { 'Content-Type': 'application/json' };
  return {
    method,
    url: `${base}${path}`,
    body: body === undefined ? null : JSON.stringify(body),
    params: { headers: { ...json, ...headers }, tags: { name }, timeout: '60s' },
  };
}

/** A line for the judge. */
export function tell(line: readonly (string | number)[]): void {
  console.log(line.join(' '));
}

/** The member's token by the source route; throws when there is none, for nothing can be tried without. */
export function logInAs(id: string): string {
  const answer = call({
    method: 'POST',
    path: '/member/login',
    name: 'log-in',
    body: { id, password: 'qwer1234' },
  });
  const token = answer.json('data.accessToken');
  if (typeof token !== 'string') throw new Error(`log-in of ${id}: ${answer.status} ${answer.body}`);
  return token;
}
