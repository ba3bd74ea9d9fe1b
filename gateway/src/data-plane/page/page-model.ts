import type { Problem } from '@ropeline/core/protocol/problem-codes.ts';
import type { PublicRoom, Status } from '@ropeline/core/protocol/status.ts';

/** Addresses of the built script and style; absent when the front ends were not built. */
export type PageAssets = {
  readonly script?: string;
  readonly style?: string;
};

/** Everything the queue page is rendered from. Nothing here needs to be escaped beforehand. */
export type PageModel = {
  readonly room: string;
  /** Where to go at the turn; a same-origin path that the route has checked. */
  readonly to: string;
  readonly status: Status | null;
  readonly publicState: PublicRoom | null;
  /** The operator's words for everybody in the room. */
  readonly message?: string;
  /** Why there is no place, or why it could not be asked for. */
  readonly problem?: Problem;
  /** This answer sets the test cookie: without JavaScript the page asks again with `c=1`, with it the script joins. */
  readonly needsTestCookie: boolean;
  /** The test cookie did not come back. */
  readonly cookiesOff?: boolean;
  /** `claim.confirm` of the room. */
  readonly confirm?: 'auto' | 'click';
  /** `ahead` when this visitor first saw the page (query `from`), for progress without JavaScript. */
  readonly startedAhead?: number;
  /** Codes can be of use in this room: it has a lane for them, or takes nobody without one. */
  readonly takesCodes?: boolean;
  /** The code that was just sent grants nothing. */
  readonly codeRefused?: boolean;
  readonly assets: PageAssets;
};
