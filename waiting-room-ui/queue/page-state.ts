import type { ServerMessage } from '@ropeline/core/protocol/live.ts';
import type { QueuePageData } from '@ropeline/core/protocol/queue-page.ts';
import type { QueueFacts } from '@ropeline/core/protocol/queue-view.ts';

/** Everything the page shows; a new value for every change. */
export type PageState = QueueFacts & {
  readonly message: string;
  /** Server time minus this clock, so that countdowns are right on a wrong clock. */
  readonly clockOffsetMs: number;
};

export function initialState(data: QueuePageData, now: number): PageState {
  const { status, roomState, opensAt, isLottery, problem, confirm, message } = data;
  return {
    status,
    roomState,
    ...(opensAt === undefined ? {} : { opensAt }),
    ...(isLottery === undefined ? {} : { isLottery }),
    ...(problem === undefined ? {} : { problem }),
    confirm,
    message,
    clockOffsetMs: data.serverTime - now,
  };
}

/** The state after a message of the socket, or after a poll, which counts as a `status` message. */
export function afterMessage(state: PageState, message: ServerMessage, now: number): PageState {
  const { status } = state;
  switch (message.type) {
    case 'status': {
      const { type: _type, place: _place, ...fresh } = message;
      const { problem: _problem, ...rest } = state;
      // A status carries its own reason, so it also ends a hold that was told before.
      return {
        ...rest,
        status: fresh,
        roomState: null,
        message: fresh.message ?? '',
        clockOffsetMs: fresh.serverTime - now,
      };
    }
    case 'tick': {
      if (status?.state !== 'waiting') return state;
      const { type: _type, ...numbers } = message;
      const { reason: _reason, ...base } = status;
      return { ...state, status: { ...base, ...numbers }, clockOffsetMs: message.serverTime - now };
    }
    case 'admitted': {
      if (status === null) return state;
      const { reason: _reason, ...base } = status;
      return {
        ...state,
        status: { ...base, state: 'admitted', claimBy: message.claimBy, position: null, ahead: null },
      };
    }
    case 'state':
      return { ...state, roomState: message.state };
    case 'message':
      return { ...state, message: message.text };
    default:
      // Entries are acted on, not shown; types of a later protocol are ignored.
      return state;
  }
}

export function withProblem(state: PageState, problem: string, opensAt?: number): PageState {
  return { ...state, problem, ...(opensAt === undefined ? {} : { opensAt }) };
}
