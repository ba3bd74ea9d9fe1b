import { setTimeout as delay } from 'node:timers/promises';
import { liveSubprotocol, ticketSubprotocolPrefix } from '@ropeline/core/protocol/entry.ts';
import type { ServerMessage } from '@ropeline/core/protocol/live.ts';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { WebSocket } from 'ws';
import type { Board } from './board.ts';
import type { CrowdOptions } from './options.ts';
import { buy } from './purchase.ts';

/** How a spell on the socket ended. */
type Turn =
  | { readonly kind: 'entry'; readonly token: string }
  /** The place is over: sold out, closed, lapsed, ... */
  | { readonly kind: 'over' }
  | { readonly kind: 'come-back'; readonly afterMs: number };

const comeBackWithinMs = 3_000;

/**
 * One visitor: joins, waits on the socket (coming back when it is lost), claims over it, buys if asked, and ends
 * the visit. Every outcome is counted on the board; nothing is thrown.
 */
export class Visitor {
  readonly #number: number;
  readonly #options: CrowdOptions;
  readonly #board: Board;
  #place = '';
  #admitted = false;
  #joinedAt = 0;

  constructor(number: number, options: CrowdOptions, board: Board) {
    this.#number = number;
    this.#options = options;
    this.#board = board;
  }

  async visit(end: AbortSignal): Promise<void> {
    try {
      await delay(Math.random() * this.#options.arriveSeconds * 1_000, undefined, { signal: end });
      if (!(await this.#join(end))) return;
      const token = await this.#untilTurn(end);
      if (token !== undefined && this.#options.buy) {
        this.#board.count((await buy(this.#options.url, this.#number, token, end)) ? 'bought' : 'soldOut');
      }
    } catch (error) {
      if (!end.aborted) this.#board.error(error instanceof Error ? error.message : String(error));
      else if (this.#place !== '') this.#board.count('left');
    } finally {
      if (this.#place !== '') await this.#leave();
    }
  }

  /** False when the room takes nobody any more. */
  async #join(end: AbortSignal): Promise<boolean> {
    const answer = await fetch(this.#url('/join'), { method: 'POST', signal: deadline(end) });
    if (answer.status === 409) {
      await answer.body?.cancel();
      this.#board.count('over');
      return false;
    }
    if (!answer.ok) {
      await answer.body?.cancel();
      throw new Error(`join: HTTP ${answer.status}`);
    }
    const status = (await answer.json()) as Status;
    this.#place = status.place ?? '';
    this.#joinedAt = performance.now();
    this.#board.count('joined');
    return true;
  }

  async #untilTurn(end: AbortSignal): Promise<string | undefined> {
    for (;;) {
      const turn = await this.#waitOnSocket(end);
      if (turn.kind === 'entry') {
        this.#board.count('claimed');
        return turn.token;
      }
      if (turn.kind === 'over') {
        this.#board.count('over');
        return undefined;
      }
      await delay(turn.afterMs, undefined, { signal: end });
    }
  }

  #waitOnSocket(end: AbortSignal): Promise<Turn> {
    return new Promise((resolve, reject) => {
      const protocols = [liveSubprotocol, `${ticketSubprotocolPrefix}${this.#place}`];
      const socket = new WebSocket(this.#url('/live').replace(/^http/, 'ws'), protocols, {
        perMessageDeflate: false,
        handshakeTimeout: 15_000,
      });
      const leave = (): void => {
        socket.terminate();
        reject(new Error('ended'));
      };
      end.addEventListener('abort', leave, { once: true });
      socket.on('message', (data) => {
        const message = JSON.parse(String(data)) as ServerMessage;
        if (message.type === 'entry') {
          resolve({ kind: 'entry', token: message.entryToken });
          socket.close();
          return;
        }
        if (message.type === 'status' && message.place !== undefined) this.#place = message.place;
        if (!hasTurn(message)) return;
        this.#turnCame();
        socket.send(JSON.stringify({ type: 'claim' }));
      });
      // An error is always followed by a close.
      socket.on('error', () => undefined);
      socket.on('close', (code, reason) => {
        end.removeEventListener('abort', leave);
        resolve(
          code >= 4_500 ? { kind: 'over' } : { kind: 'come-back', afterMs: comeBack(reason.toString()) },
        );
      });
    });
  }

  #turnCame(): void {
    if (this.#admitted) return;
    this.#admitted = true;
    this.#board.count('admitted');
    this.#board.waited(performance.now() - this.#joinedAt);
  }

  /** Gives up the place or ends the session, so that the next one gets in. */
  async #leave(): Promise<void> {
    try {
      const answer = await fetch(this.#url('/place'), {
        method: 'DELETE',
        headers: { authorization: `Bearer ${this.#place}` },
        signal: AbortSignal.timeout(10_000),
      });
      await answer.body?.cancel();
    } catch {
      this.#board.error('leave: no answer');
    }
  }

  #url(path: string): string {
    return `${this.#options.url}/_ropeline/rooms/${this.#options.room}${path}`;
  }
}

/** Also who is active has it: a claim whose answer was lost is asked for again. */
function hasTurn(message: ServerMessage): boolean {
  if (message.type === 'admitted') return true;
  return message.type === 'status' && (message.state === 'admitted' || message.state === 'active');
}

/** What the gateway asks for, else a random moment, so that not all come back at once. */
function comeBack(reason: string): number {
  try {
    const { retryAfterMs } = JSON.parse(reason) as { retryAfterMs?: number };
    if (retryAfterMs !== undefined) return retryAfterMs;
  } catch {
    // A plain loss carries no reason.
  }
  return Math.random() * comeBackWithinMs;
}

function deadline(end: AbortSignal): AbortSignal {
  return AbortSignal.any([end, AbortSignal.timeout(20_000)]);
}
