import { BlockList, isIP } from 'node:net';
import type { RequestView } from '../transport/http.ts';

/** How the outside sees a request. */
export type Outside = {
  /** The visitor's address. */
  readonly address: string;
  readonly proto: 'http' | 'https';
  /** With its port, as the browser wrote it. */
  readonly host: string;
  /** What the upstream gets as X-Forwarded-For. */
  readonly forwardedFor: string;
};

/** A look into a list costs as much as the rest of a request's rules, and most gateways trust nobody. */
const emptyLists = new WeakSet<BlockList>();

/** A list of addresses and networks (`10.0.0.0/8`, `::1`). Throws on anything else. */
export function addressList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  if (entries.length === 0) emptyLists.add(list);
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address);
    const prefix = bits === undefined ? undefined : Number(bits);
    const longest = family === 4 ? 32 : 128;
    if (family === 0 || (prefix !== undefined && !(/^\d+$/.test(bits ?? '') && prefix <= longest))) {
      throw new Error(`${JSON.stringify(entry)} is neither an address nor a network`);
    }
    if (prefix === undefined) list.addAddress(address, family === 4 ? 'ipv4' : 'ipv6');
    else list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

export function contains(list: BlockList, address: string): boolean {
  if (emptyLists.has(list)) return false;
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Whether the visitor came by HTTPS; what costs nothing where no proxy is trusted. */
export function isSecure(request: RequestView, trusted: BlockList): boolean {
  if (request.headers.get('x-forwarded-proto') === undefined) return false;
  return outsideOf(request, trusted).proto === 'https';
}

/**
 * Believes `X-Forwarded-*` only of a trusted peer. The visitor is the last address in the chain that no trusted
 * proxy has: what stands before it is the visitor's own word.
 */
export function outsideOf(request: RequestView, trusted: BlockList): Outside {
  const { headers, peer } = request;
  const host = headers.get('host') ?? '';
  if (!contains(trusted, peer)) return { address: peer, proto: 'http', host, forwardedFor: peer };
  const chain = (headers.get('x-forwarded-for') ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => isIP(part) !== 0);
  const address = chain.findLast((hop) => !contains(trusted, hop)) ?? chain[0] ?? peer;
  return {
    address,
    proto: last(headers.get('x-forwarded-proto'))?.toLowerCase() === 'https' ? 'https' : 'http',
    host: last(headers.get('x-forwarded-host')) ?? host,
    forwardedFor: [...chain, peer].join(', '),
  };
}

/** Of a list the entry of the nearest proxy. */
function last(value: string | undefined): string | undefined {
  const text = value?.split(',').at(-1)?.trim();
  return text === '' ? undefined : text;
}
