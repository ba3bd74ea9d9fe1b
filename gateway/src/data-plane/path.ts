import { AppError } from '@ropeline/core/errors.ts';

export type RequestPath = {
  /** Decoded once and free of dot segments: what rooms and bypass rules are matched against. */
  readonly decoded: string;
  /** As it came but free of dot segments: what the upstream gets, so that it cannot read another path than we did. */
  readonly raw: string;
};

const needsCare = /[%\\;]|\/\/|\/\.|[^\x21-\x7e]/;
const ambiguousEscape = /%(2f|5c|00)/i;
const malformedEscape = /%(?![0-9a-f]{2})/i;

/**
 * Reads a raw request path in the only way it can be read. Throws `ambiguous-path` where servers are known to
 * differ: an encoded slash, backslash or NUL, a plain backslash, `//`, `..` above the root, and `..;` (a parameter
 * to some, a dot segment to others); `bad-request` for a malformed escape or a control character.
 */
export function readPath(path: string): RequestPath {
  if (!needsCare.test(path)) return { decoded: path, raw: path };
  if (malformedEscape.test(path))
    throw new AppError('bad-request', { detail: 'A % in the path is not an escape' });
  if (ambiguousEscape.test(path) || path.includes('\\') || path.includes('//'))
    throw new AppError('ambiguous-path');
  const raw: string[] = [];
  const decoded: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [i, segment] of segments.entries()) {
    const plain = decode(segment);
    if (hasControl(plain)) throw new AppError('bad-request', { detail: 'A control character in the path' });
    if (/^\.{1,2};/.test(plain)) throw new AppError('ambiguous-path');
    const isLast = i === segments.length - 1;
    if (plain === '..') {
      if (raw.length === 0) throw new AppError('ambiguous-path');
      raw.pop();
      decoded.pop();
    }
    if (plain !== '.' && plain !== '..') {
      raw.push(segment);
      decoded.push(plain);
    } else if (isLast) {
      raw.push('');
      decoded.push('');
    }
  }
  return { decoded: `/${decoded.join('/')}`, raw: `/${raw.join('/')}` };
}

/** Bytes that are not UTF-8 become replacement characters: no rule can name them, and the raw path keeps them. */
function decode(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    const bytes = segment.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    return Buffer.from(bytes, 'latin1').toString('utf8');
  }
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** The host in lower case without its port, as rooms name it. */
export function hostName(host: string): string {
  const lower = host.trim().toLowerCase();
  const withoutPort = lower.startsWith('[') ? lower.replace(/\]:\d*$/, ']') : lower.replace(/:\d*$/, '');
  return withoutPort.endsWith('.') ? withoutPort.slice(0, -1) : withoutPort;
}

const maxTargetLength = 2_048;

/**
 * Where a visitor goes at the turn: a path of the same origin, else undefined. No scheme, no `//`, no backslash
 * (browsers read it as a slash), no control character (browsers drop some), and nothing of the gateway's own,
 * which could send the visitor round in circles.
 */
export function safeTarget(to: string | undefined): string | undefined {
  if (to === undefined || to.length > maxTargetLength || !to.startsWith('/')) return undefined;
  if (to.includes('\\') || hasControl(to) || to.includes(' ')) return undefined;
  const path = to.split(/[?#]/, 1)[0] ?? '';
  try {
    const { decoded } = readPath(path);
    return decoded === '/_ropeline' || decoded.startsWith('/_ropeline/') ? undefined : to;
  } catch {
    return undefined;
  }
}
