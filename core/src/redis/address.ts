/** One host of an address. */
export type RedisNode = { readonly host: string; readonly port: number };

export type Security = {
  readonly tls: boolean;
  /** File with the certificate of a private authority, PEM; without it the well-known ones are trusted. */
  readonly ca: string | undefined;
};

type Credentials = Security & {
  readonly username: string | undefined;
  readonly password: string | undefined;
};

/** Where a Redis is and in which form it runs. */
export type RedisAddress =
  | (Security & { readonly kind: 'server'; readonly url: string; readonly nodes: readonly RedisNode[] })
  | (Credentials & {
      readonly kind: 'sentinel';
      readonly nodes: readonly RedisNode[];
      /** What the sentinels call the master. */
      readonly name: string;
      readonly db: number;
      readonly sentinelUsername: string | undefined;
      readonly sentinelPassword: string | undefined;
    })
  | (Credentials & { readonly kind: 'cluster'; readonly nodes: readonly RedisNode[] });

export type RedisForm = RedisAddress['kind'];

/** The forms in words, for settings and their problems. */
export const redisForms: Record<RedisForm, string> = {
  server: 'redis://[user:password@]host[:port][/db]',
  sentinel: 'redis+sentinel://[user:password@]host[:port],.../<master name>[/db]',
  cluster: 'redis+cluster://[user:password@]host[:port],...',
};

/**
 * Reads an address in one of the {@link redisForms}; `rediss` instead of `redis` is TLS. The user and password are
 * those of Redis, `?sentinelUser=...&sentinelPassword=...` those of the sentinels; `?ca=/path/of.pem` names a private
 * authority for TLS. Reserved characters in all of them are percent-encoded. Throws an `Error` whose message says what is
 * wrong and shows no part of the address.
 */
export function parseRedisAddress(text: string): RedisAddress {
  const match = /^(rediss?)(\+sentinel|\+cluster)?:\/\/(?:([^@]*)@)?([^/?#@]*)(\/[^?#]*)?(?:\?(.*))?$/.exec(
    text,
  );
  if (match === null) throw new Error(`must be one of ${Object.values(redisForms).join(', ')}`);
  const [, scheme, suffix, userinfo, hosts = '', path = '', query = ''] = match;
  const kind = suffix === '+sentinel' ? 'sentinel' : suffix === '+cluster' ? 'cluster' : 'server';
  const nodes = hosts.split(',').map((host) => parseNode(host, kind === 'sentinel' ? 26_379 : 6_379));
  const [first, second, ...rest] = path
    .split('/')
    .slice(1)
    .filter((part) => part !== '');
  const words = new URLSearchParams(query);
  const security = { tls: scheme === 'rediss', ca: words.get('ca') ?? undefined };
  if (security.ca !== undefined && !security.tls) throw new Error('has a ca without TLS: write rediss');
  if (kind === 'server') {
    if (nodes.length > 1) throw new Error('several hosts need redis+sentinel:// or redis+cluster://');
    if (second !== undefined || rest.length > 0) throw new Error('ends in more than /<db>');
    parseDb(first);
    words.delete('ca');
    const url = `${text.replace(/\?.*$/, '')}${words.size === 0 ? '' : `?${words}`}`;
    return { kind, url, nodes, ...security };
  }
  const credentials = { ...parseUserinfo(userinfo), ...security };
  if (kind === 'cluster') {
    if (first !== undefined) throw new Error('a cluster has no database numbers and no master name');
    return { kind, nodes, ...credentials };
  }
  if (first === undefined)
    throw new Error('lacks the name of the master: redis+sentinel://hosts/<master name>');
  if (rest.length > 0) throw new Error('ends in more than /<master name>/<db>');
  return {
    kind,
    nodes,
    ...credentials,
    name: decode(first),
    db: parseDb(second),
    sentinelUsername: words.get('sentinelUser') ?? undefined,
    sentinelPassword: words.get('sentinelPassword') ?? undefined,
  };
}

/** The address without user and password, for messages. */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^@]*@/, '//').replace(/\?.*$/, '');
}

function parseNode(text: string, fallbackPort: number): RedisNode {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? fallbackPort);
  if (match === null || port < 1 || port > 65_535) throw new Error('has a host that is not host[:port]');
  return { host: (match[1] as string).replace(/^\[|\]$/g, ''), port };
}

function parseUserinfo(text = ''): Pick<Credentials, 'username' | 'password'> {
  const [username = '', ...rest] = text.split(':');
  const password = decode(rest.join(':'));
  return { username: decode(username) || undefined, password: password || undefined };
}

function parseDb(text = '0'): number {
  if (!/^\d{1,5}$/.test(text)) throw new Error('has a database that is no number');
  return Number(text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('has a % that is no percent-encoding; write % itself as %25');
  }
}
