export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a JSON answer; else empty. */
  readonly body: Record<string, unknown>;
};

export type CallOptions = {
  readonly headers?: Record<string, string>;
  /** Sent as JSON, with its content type. */
  readonly json?: unknown;
  /** Sent as it is, with the content type of `headers`. */
  readonly text?: string;
};

/** One HTTP request, read to its end. Redirects are answers. Throws when there is no answer within a minute. */
export async function call(method: string, url: string, options: CallOptions = {}): Promise<Answer> {
  const { json, text } = options;
  const answer = await fetch(url, {
    method,
    headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...options.headers },
    ...(json === undefined ? text !== undefined && { body: text } : { body: JSON.stringify(json) }),
    redirect: 'manual',
    signal: AbortSignal.timeout(60_000),
  });
  const content = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json') === true && content !== '';
  return {
    status: answer.status,
    headers: answer.headers,
    text: content,
    body: isJson ? (JSON.parse(content) as Answer['body']) : {},
  };
}
