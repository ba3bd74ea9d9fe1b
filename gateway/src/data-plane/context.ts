import type { BlockList } from 'node:net';
import type { Logger } from '@ropeline/core/log.ts';
import type { EntryVerifier } from '@ropeline/core/token/entry-token.ts';
import type { Rooms } from '../queue/rooms.ts';
import type { SessionTokens } from '../queue/session-tokens.ts';
import type { Visits } from '../queue/visits.ts';
import type { QueueAssets } from './page/assets.ts';
import type { Outcome } from './proxy-flight.ts';
import type { Upstreams } from './upstreams.ts';

/** What the routes of the data plane work with. */
export type Context = {
  readonly rooms: Rooms;
  readonly visits: Visits;
  readonly sessions: SessionTokens;
  readonly verifier: EntryVerifier;
  /** Body of `/_ropeline/jwks.json`. */
  readonly jwks: () => string;
  readonly trusted: BlockList;
  readonly assets: QueueAssets;
  readonly upstreams: Upstreams;
  readonly log: Logger;
  /** The process is stopping: no new joins. */
  readonly isDraining: () => boolean;
  /** Told of every proxied request when it is over. */
  readonly onProxied: (outcome: Outcome) => void;
  /** What keeps this gateway from working; empty = ready. */
  readonly notReady: () => readonly string[];
};
