import type { Logger } from '@ropeline/core/log.ts';
import type { EntrySigner, EntryVerifier } from '@ropeline/core/token/entry-token.ts';
import type { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import type { Context } from './data-plane/context.ts';
import { addressList } from './data-plane/forwarded.ts';
import type { QueueAssets } from './data-plane/page/assets.ts';
import type { Outcome } from './data-plane/proxy-flight.ts';
import { createRouter } from './data-plane/router.ts';
import { decideUpgrade, type LiveData, liveHandler } from './data-plane/routes/live.ts';
import { Upstreams } from './data-plane/upstreams.ts';
import type { Rooms } from './queue/rooms.ts';
import { SessionTokens } from './queue/session-tokens.ts';
import { Visits } from './queue/visits.ts';
import type { Server } from './transport/http.ts';
import { createServer } from './transport/uws.ts';

export type DataPlaneOptions = {
  readonly rooms: Rooms;
  readonly tickets: PlaceTickets;
  readonly signer: EntrySigner;
  readonly verifier: EntryVerifier;
  readonly issuer: string;
  readonly assets: QueueAssets;
  readonly trustedProxies: readonly string[];
  readonly upstream: string;
  readonly upstreamConnections: number;
  readonly maxConnections: number;
  readonly log: Logger;
  readonly onProxied: (outcome: Outcome) => void;
  readonly notReady: () => readonly string[];
};

export type DataPlane = {
  readonly server: Server;
  readonly visits: Visits;
  /** From now on no joins; sockets are sent away; resolves when requests in flight are done or `graceMs` has passed. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
};

/** Builds the data plane without listening. Throws on a `TRUSTED_PROXIES` entry that is no address. */
export function createDataPlane(options: DataPlaneOptions): DataPlane {
  const { rooms, log } = options;
  let draining = false;
  const onError = (error: unknown, where: string): void =>
    log.error({ err: error, where }, 'unexpected error');
  const upstreams = new Upstreams({
    fallback: options.upstream,
    connections: options.upstreamConnections,
    onError,
  });
  const context: Context = {
    rooms,
    visits: new Visits(options.tickets),
    sessions: new SessionTokens(options.signer, options.issuer),
    verifier: options.verifier,
    jwks: () => JSON.stringify(options.signer.jwks),
    trusted: addressList(options.trustedProxies),
    assets: options.assets,
    upstreams,
    log,
    isDraining: () => draining,
    onProxied: options.onProxied,
    notReady: () => (draining ? ['stopping'] : options.notReady()),
  };
  const server = createServer<LiveData>({
    handler: createRouter(context),
    upgrades: {
      // Not wider: forward-auth asks with the headers of an upgrade, and that is no upgrade here.
      prefix: '/_ropeline/rooms/',
      decide: (request) => decideUpgrade(context, request),
      handler: liveHandler(context),
      maxMessageBytes: 4 * 1024,
    },
    maxConnections: options.maxConnections,
    onError,
  });
  return {
    server,
    visits: context.visits,
    async drain(graceMs) {
      draining = true;
      server.stopListening();
      let told = false;
      void rooms.stop().then(() => {
        told = true;
      });
      const deadline = Date.now() + graceMs;
      while ((server.inFlight > 0 || !told) && Date.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async close() {
      server.close();
      await upstreams.close();
    },
  };
}
