import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '@ropeline/core/errors.ts';
import { entryCookie, entryHeader } from '@ropeline/core/protocol/entry.ts';
import type { FastifyRequest } from 'fastify';
import { type EntryGuard, technicalHolder } from '../entries/entry-guard.ts';
import { type AccessTokens, type Member, type Role, roles } from '../members/access-tokens.ts';
import type { Offer } from '../offers/offer.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is logged in; set by `requireMember`. */
    member: Member | null;
    /** The entry that this request uses, bound to its member; null where none is asked for. */
    entry: Entry | null;
  }
}

export type Entry = {
  readonly jti: string;
  readonly room: string;
  readonly visitor: string;
};

export type Auth = {
  /** preHandler: 401 `login-required` without a valid access token. */
  readonly requireMember: (request: FastifyRequest) => Promise<void>;
  /** preHandler, after `requireMember`: 403 `role-required`. An admin may do what a host may. */
  readonly requireRole: (role: Role) => (request: FastifyRequest) => Promise<void>;
  /**
   * preHandler, after `requireMember`: 401 `entry-required`, 403 `entry-wrong-room`, 403 `entry-bound`.
   * `offerOf` finds the offer that is asked for; it throws when there is none.
   */
  readonly requireEntry: (
    offerOf: (request: FastifyRequest) => Offer,
  ) => (request: FastifyRequest) => Promise<void>;
  /** preHandler: the same where calls come without a member's token; the entry is then bound to itself. */
  readonly requireTechnicalEntry: (
    offerOf: (request: FastifyRequest) => Offer,
  ) => (request: FastifyRequest) => Promise<void>;
  /** Whom `requireMember` would let through without checking anything anew. */
  readonly recallMember: (headers: IncomingHttpHeaders) => Member | undefined;
  /** Whether `requireEntry` would let the member through to the offer without checking anything anew. */
  readonly recallsEntry: (headers: IncomingHttpHeaders, offer: Offer, member: Member) => boolean;
};

type Options = {
  readonly tokens: AccessTokens;
  /** Absent: no entry is asked for. */
  readonly entries: EntryGuard | undefined;
};

export function createAuth({ tokens, entries }: Options): Auth {
  const recallMember = (headers: IncomingHttpHeaders): Member | undefined => {
    const token = bearer(headers);
    return token === undefined ? undefined : tokens.recall(token);
  };
  const entryFor =
    (
      offerOf: (request: FastifyRequest) => Offer,
      holderOf: (request: FastifyRequest, jti: string) => string,
    ) =>
    async (request: FastifyRequest): Promise<void> => {
      const offer = offerOf(request);
      if (entries === undefined) return;
      request.entry = await entries.admit(offer, entryTokens(request.headers, offer), (jti) =>
        holderOf(request, jti),
      );
    };
  return {
    async requireMember(request) {
      request.member = recallMember(request.headers) ?? (await memberOf(tokens, bearer(request.headers)));
    },
    requireRole: (wanted) => async (request) => {
      if (roles.indexOf(memberIn(request).role) < roles.indexOf(wanted)) throw new AppError('role-required');
    },
    requireEntry: (offerOf) => entryFor(offerOf, (request) => memberIn(request).id),
    requireTechnicalEntry: (offerOf) => entryFor(offerOf, (_request, jti) => technicalHolder(jti)),
    recallMember,
    recallsEntry: (headers, offer, { id }) =>
      entries === undefined || entries.recall(offer, entryTokens(headers, offer), () => id) !== undefined,
  };
}

/** The member of an access token; throws 401 `login-required`. */
export async function memberOf(tokens: AccessTokens, token: string | undefined): Promise<Member> {
  const member = token === undefined ? undefined : await tokens.verify(token);
  if (member === undefined) throw new AppError('login-required');
  return member;
}

/** The member of a request that `requireMember` let through. */
export function memberIn(request: FastifyRequest): Member {
  if (request.member === null) throw new AppError('login-required');
  return request.member;
}

function bearer({ authorization = '' }: IncomingHttpHeaders): string | undefined {
  return /^Bearer ([^\s]+)$/i.exec(authorization)?.[1];
}

/** The header's token, else those of the cookies of the offer's rooms. */
function entryTokens(headers: IncomingHttpHeaders, offer: Offer): readonly string[] {
  const header = headers[entryHeader];
  if (typeof header === 'string') return [header];
  const wanted = new Set(offer.rooms.map(entryCookie));
  return (headers.cookie ?? '').split(';').flatMap((pair) => {
    const [name = '', ...rest] = pair.trim().split('=');
    return wanted.has(name) ? [rest.join('=')] : [];
  });
}
