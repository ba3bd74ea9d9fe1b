import { AppError } from '@ropeline/core/errors.ts';
import type { EntryClaims } from '@ropeline/core/protocol/entry.ts';
import type { LiveRoom } from '../queue/live-room.ts';
import type { RoomRules } from '../queue/rules.ts';
import type { RequestHeaders } from '../transport/http.ts';
import { type Bypass, compileBypass } from './bypass.ts';
import type { Context } from './context.ts';
import { type EntryCredential, entryTokenOf } from './credentials.ts';
import type { Outside } from './forwarded.ts';
import { RoomMatcher } from './match.ts';
import { isNavigation, isPreflight } from './origin.ts';
import { hostName, type RequestPath } from './path.ts';
import { wayIn } from './routes/enter.ts';

/** A request for the site behind a room, as the visitor's browser made it. */
export type SiteRequest = {
  readonly method: string;
  readonly path: RequestPath;
  readonly query: string;
  readonly headers: RequestHeaders;
  readonly outside: Outside;
};

export type Admission =
  | {
      readonly kind: 'in';
      readonly room: LiveRoom;
      readonly entry: { readonly claims: EntryClaims; readonly credential: EntryCredential } | undefined;
    }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'refused'; readonly error: AppError };

/** Decides who reaches the site: the same for the reverse proxy and for forward-auth. */
export class AdmissionCheck {
  readonly #context: Context;
  readonly #bypasses = new WeakMap<RoomRules, Bypass>();
  #matcher = new RoomMatcher([]);
  #generation = -1;

  constructor(context: Context) {
    this.#context = context;
  }

  /** With an entry that lives, by a bypass rule, or as a CORS preflight: in. Else to the queue. */
  async decide(request: SiteRequest): Promise<Admission> {
    const room = this.#roomOf(request);
    if (room === undefined) return { kind: 'refused', error: new AppError('no-room') };
    const credential = entryTokenOf(request.headers, room.name);
    const claims = credential === undefined ? undefined : await this.#claimsOf(room, credential.token);
    if (credential !== undefined && claims !== undefined) {
      return { kind: 'in', room, entry: { claims, credential } };
    }
    if (isPreflight(request.method, request.headers) || this.#isBypassed(room, request)) {
      return { kind: 'in', room, entry: undefined };
    }
    // A navigation of a pass-through room goes through `enter`, so that it is counted and has a token; without Redis
    // there is nothing to count with.
    const isVisit = isNavigation(request.method, request.headers);
    if (room.passesThrough && (!isVisit || room.link !== 'up')) return { kind: 'in', room, entry: undefined };
    // The same where everybody is let in because Redis is away; there a gateway counts by itself.
    if (room.outage.letsEverybodyIn && !isVisit) return { kind: 'in', room, entry: undefined };
    if (!isVisit) {
      const join = `/_ropeline/rooms/${room.name}/join`;
      return { kind: 'refused', error: new AppError('entry-required', { members: { join } }) };
    }
    const to = request.path.raw + (request.query === '' ? '' : `?${request.query}`);
    return { kind: 'redirect', location: wayIn(room, to) };
  }

  /** Claims of a token for this room whose session has not ended; undefined for anything else. */
  async #claimsOf(room: LiveRoom, token: string): Promise<EntryClaims | undefined> {
    const claims = this.#context.verifier.recall(token) ?? (await this.#context.verifier.verify(token));
    if (claims === undefined || claims.aud !== room.name) return undefined;
    if (await room.entries.isOver(claims)) return undefined;
    return claims;
  }

  #roomOf(request: SiteRequest): LiveRoom | undefined {
    const { rooms } = this.#context;
    if (this.#generation !== rooms.generation) {
      this.#generation = rooms.generation;
      this.#matcher = new RoomMatcher(rooms.all().map((room) => ({ room: room.name, ...room.rules.match })));
    }
    const name = this.#matcher.find(hostName(request.outside.host), request.path.decoded);
    return name === undefined ? undefined : rooms.get(name);
  }

  #isBypassed(room: LiveRoom, { method, path, headers, outside }: SiteRequest): boolean {
    if (room.rules.bypass.length === 0) return false;
    let bypass = this.#bypasses.get(room.rules);
    if (bypass === undefined) {
      bypass = compileBypass(room.rules.bypass);
      this.#bypasses.set(room.rules, bypass);
    }
    return bypass({ method, path: path.decoded, address: outside.address, headers });
  }
}
