import { liveSubprotocol } from '@ropeline/core/protocol/entry.ts';
import type { ClientMessage, ServerMessage } from '@ropeline/core/protocol/live.ts';
import { afterClose, pollDelayMs } from './retry.ts';
import type { RoomApi } from './room-api.ts';

/** How news reach the page; `lost` = neither way works at the moment. */
export type Link = 'live' | 'polling' | 'lost';

type Listener = {
  readonly onMessage: (message: ServerMessage) => void;
  readonly onLink: (link: Link) => void;
  /** Nothing more will come; the code says why. */
  readonly onOver: (code: string) => void;
};

const openWithinMs = 6_000;
const failuresBeforePolling = 2;
const socketAgainMs = 30_000;
const finalProblems = ['no-place', 'bad-ticket', 'unknown-room'];

/**
 * Keeps one visitor's place connected.
 *
 * - opening: a socket was asked for. Open -> live; closed or silent for 6 s -> resting, a failure more.
 * - live: messages come by the socket. Closed -> resting or over, as the close code says.
 * - resting: a timer runs until the next opening. From the second failure in a row on polls bridge the time,
 *   and the socket is tried every 30 s: something on the way may not let sockets through.
 * - over: the server said not to come back, or `stop`. Final.
 */
export class PlaceConnection {
  readonly #address: string;
  readonly #api: RoomApi;
  readonly #listener: Listener;
  #socket: WebSocket | undefined;
  #failures = 0;
  #over = false;
  #reopen: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setTimeout> | undefined;

  constructor(address: string, api: RoomApi, listener: Listener) {
    this.#address = address;
    this.#api = api;
    this.#listener = listener;
  }

  /** Opens now, also when a timer runs or a socket is there; a socket that sleep has killed looks open. */
  open(): void {
    if (this.#over) return;
    clearTimeout(this.#reopen);
    this.#socket?.close();
    const socket = new WebSocket(this.#address, [liveSubprotocol]);
    this.#socket = socket;
    const tooLate = setTimeout(() => socket.close(), openWithinMs);
    socket.onopen = () => {
      clearTimeout(tooLate);
      if (socket !== this.#socket) return;
      this.#failures = 0;
      this.#stopPolling();
      this.#listener.onLink('live');
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#hear(String(data));
    };
    socket.onclose = ({ code, reason }) => {
      clearTimeout(tooLate);
      if (socket === this.#socket) this.#closed(code, reason);
    };
  }

  /** False when there is no open socket to send it by. */
  send(message: ClientMessage): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  stop(): void {
    this.#over = true;
    clearTimeout(this.#reopen);
    this.#stopPolling();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #hear(text: string): void {
    try {
      this.#listener.onMessage(JSON.parse(text) as ServerMessage);
    } catch (error) {
      console.error('a message could not be used', error);
    }
  }

  #closed(code: number, reason: string): void {
    this.#socket = undefined;
    const next = afterClose(code, reason, this.#failures);
    if ('over' in next) {
      this.stop();
      this.#listener.onOver(next.over);
      return;
    }
    this.#failures += 1;
    const polling = this.#failures >= failuresBeforePolling;
    if (polling) this.#poll ??= setTimeout(() => this.#ask(), 0);
    else this.#listener.onLink('lost');
    this.#reopen = setTimeout(() => this.open(), this.#failures > 4 ? socketAgainMs : next.retryMs);
  }

  async #ask(): Promise<void> {
    const round = this.#poll;
    const answer = await this.#api.status();
    // Stopped meanwhile, or begun anew.
    if (this.#over || this.#poll !== round) return;
    if ('ok' in answer) {
      this.#listener.onLink('polling');
      this.#listener.onMessage({ type: 'status', ...answer.ok });
      this.#poll = setTimeout(() => this.#ask(), pollDelayMs(answer.ok.pollAfterMs));
    } else if (finalProblems.includes(answer.problem)) {
      this.stop();
      this.#listener.onOver(answer.problem);
    } else {
      this.#listener.onLink('lost');
      this.#poll = setTimeout(() => this.#ask(), answer.retryAfterMs * (0.8 + 0.4 * Math.random()));
    }
  }

  #stopPolling(): void {
    clearTimeout(this.#poll);
    this.#poll = undefined;
  }
}
