import type { RoomState, Status } from './status.ts';

/** What the gateway leaves in the queue page (`data-page` of `<main>`) for the page's script to go on from. */
export type QueuePageData = {
  readonly room: string;
  readonly to: string;
  /** Without the place ticket: the cookie carries it. */
  readonly status: Status | null;
  readonly roomState: RoomState | null;
  readonly opensAt?: number;
  readonly isLottery?: boolean;
  readonly problem?: string;
  /** The operator's words; empty = none. */
  readonly message: string;
  readonly confirm: 'auto' | 'click';
  /** Unix ms at which the page was made. */
  readonly serverTime: number;
};

export type RoomPaths = Readonly<
  Record<'join' | 'status' | 'claim' | 'live' | 'leave' | 'enter' | 'page', string>
>;

/** Addresses of one room under the gateway. `to` goes along wherever the way leads back to the page. */
export function roomPaths(room: string, to: string): RoomPaths {
  const base = `/_ropeline/rooms/${encodeURIComponent(room)}`;
  const query = `?${new URLSearchParams({ to })}`;
  return {
    join: `${base}/join`,
    status: `${base}/status`,
    claim: `${base}/claim`,
    live: `${base}/live`,
    leave: `${base}/place/leave`,
    enter: `${base}/enter${query}`,
    page: `${base}/page${query}`,
  };
}
