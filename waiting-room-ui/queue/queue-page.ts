import type { ServerMessage } from '@ropeline/core/protocol/live.ts';
import { type QueuePageData, type RoomPaths, roomPaths } from '@ropeline/core/protocol/queue-page.ts';
import { queueView } from '@ropeline/core/protocol/queue-view.ts';
import { afterMessage, initialState, type PageState, withProblem } from './page-state.ts';
import { type Link, PlaceConnection } from './place-connection.ts';
import { RoomApi } from './room-api.ts';
import type { Screen } from './screen.ts';
import { startedAhead } from './start-of-line.ts';

const entryWithinMs = 3_000;
const trustSilenceMs = 20_000;
const finalStates = ['ended', 'lapsed', 'abandoned', 'left', 'rejected', 'revoked'];

/**
 * The life of one page: takes a place when the server has not (`join`), follows it (`PlaceConnection`), takes the
 * turn (`claim`) and goes to the target. Forms and links need no help from here.
 */
export class QueuePage {
  readonly #paths: RoomPaths;
  readonly #to: string;
  readonly #api: RoomApi;
  readonly #screen: Screen;
  readonly #connection: PlaceConnection;
  #state: PageState;
  #link: Link = 'live';
  #joinedHere = false;
  #heardAt = 0;
  #claiming = false;
  #gone = false;

  constructor(data: QueuePageData, screen: Screen) {
    this.#paths = roomPaths(data.room, data.to);
    this.#to = data.to;
    this.#api = new RoomApi(this.#paths, data.to);
    this.#screen = screen;
    this.#state = initialState(data, Date.now());
    const live = new URL(this.#paths.live, location.href);
    live.protocol = live.protocol.replace('http', 'ws');
    this.#connection = new PlaceConnection(live.href, this.#api, {
      onMessage: (message) => this.#hear(message),
      onLink: (link) => this.#showLink(link),
      onOver: (code) => {
        this.#over(code).catch(() => location.reload());
      },
    });
  }

  async start(): Promise<void> {
    this.#change(this.#state);
    const { status, problem } = this.#state;
    if (!navigator.cookieEnabled) this.#change(withProblem(this.#state, 'cookies-off'));
    else if (problem === 'cookies-off') return;
    else if (status === null && problem !== undefined) this.#joinLater(0);
    else if (status === null) await this.#join();
    else this.#follow();
  }

  /** The network or the visitor is back: do not wait for a timer, nor trust a socket that has been silent. */
  wake(): void {
    if (this.#state.status === null || this.#isFinal() || Date.now() - this.#heardAt < trustSilenceMs) return;
    this.#connection.open();
  }

  /** The visitor pressed the way in. False when it cannot be asked for here and the link must be followed. */
  claim(): boolean {
    if (this.#claiming) return true;
    if (!this.#connection.send({ type: 'claim', to: this.#to })) return false;
    this.#claiming = true;
    setTimeout(() => this.#enter(), entryWithinMs);
    return true;
  }

  async #join(): Promise<void> {
    const answer = await this.#api.join();
    if ('ok' in answer) {
      this.#joinedHere = true;
      this.#change(afterMessage(this.#state, { type: 'status', ...answer.ok }, Date.now()));
      this.#follow();
      return;
    }
    this.#change(withProblem(this.#state, answer.problem, answer.opensAt));
    this.#joinLater(answer.retryAfterMs);
  }

  /** Asks again where asking again can help: when it opens, when there is room, when the service is back. */
  #joinLater(atLeastMs: number): void {
    const { refreshSeconds } = queueView(this.#state);
    if (refreshSeconds === null) return;
    const opensInMs = (this.#state.opensAt ?? Infinity) - Date.now() - this.#state.clockOffsetMs;
    const usualMs = Math.max(refreshSeconds * 1_000, atLeastMs) * (0.8 + 0.4 * Math.random());
    const atOpeningMs = opensInMs > 0 ? opensInMs + 2_000 * Math.random() : Infinity;
    setTimeout(() => this.#join(), Math.min(usualMs, atOpeningMs));
  }

  #follow(): void {
    const { status, confirm } = this.#state;
    if (status?.state === 'abandoned') this.#comeBackSoon();
    if (this.#isFinal()) return;
    // The turn is there already: no socket is needed to take it.
    if (status?.state === 'admitted' && confirm === 'auto') this.#enter();
    else if (status?.state === 'active') this.#enter();
    else this.#connection.open();
  }

  #hear(message: ServerMessage): void {
    if (message.type === 'entry') {
      this.#enter(message.target);
      return;
    }
    this.#heardAt = Date.now();
    this.#change(afterMessage(this.#state, message, this.#heardAt));
    if (!this.#isFinal()) {
      this.#takeTurn();
      return;
    }
    this.#connection.stop();
    if (this.#state.status?.state === 'abandoned') this.#comeBackSoon();
  }

  /** Claims as soon as the turn is there, unless the room wants a click for it. */
  #takeTurn(): void {
    const { status, confirm } = this.#state;
    if (status?.state === 'active') this.#enter();
    if (status?.state !== 'admitted' || confirm === 'click' || this.claim()) return;
    // Between two sockets; when one opens in time it is claimed there after all.
    this.#claimByPost().catch(() => this.#enter());
  }

  async #claimByPost(): Promise<void> {
    if (this.#claiming || this.#link === 'live') return;
    this.#claiming = true;
    const answer = await this.#api.claim();
    this.#claiming = false;
    if ('ok' in answer) this.#enter(answer.ok.target);
  }

  /** `target` is the gateway's way in, which sets the cookie; without one it is asked for there. */
  #enter(target = this.#paths.enter): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#connection.stop();
    location.replace(target);
  }

  async #over(code: string): Promise<void> {
    // The last status has told why already.
    if (this.#isFinal() || this.#gone) return;
    if (code === 'place-over') {
      const answer = await this.#api.status();
      if ('ok' in answer) this.#hear({ type: 'status', ...answer.ok });
      if (this.#isFinal() || this.#gone) return;
    }
    // A place that was taken a moment ago and is unknown now was not kept by the browser.
    const lost = this.#joinedHere && code === 'no-place' ? 'cookies-off' : code;
    this.#change(withProblem(this.#state, lost));
  }

  /**
   * Counted out, while the computer slept say, but here: joining puts the visitor back where they stood. Spread,
   * because whoever lost a gateway for long comes back at once with everybody else on it.
   */
  #comeBackSoon(): void {
    setTimeout(async () => {
      const answer = await this.#api.join();
      if ('ok' in answer && !finalStates.includes(answer.ok.state)) location.reload();
    }, 3_000 * Math.random());
  }

  #isFinal(): boolean {
    const { status } = this.#state;
    return status !== null && finalStates.includes(status.state);
  }

  #showLink(link: Link): void {
    this.#link = link;
    this.#change(this.#state);
    if (link === 'live') this.#takeTurn();
  }

  #change(state: PageState): void {
    const { status } = state;
    this.#state =
      status?.ahead === null || status?.ahead === undefined
        ? state
        : { ...state, startedAhead: startedAhead(status.visitor, status.ahead) };
    this.#screen.show(this.#state, this.#link);
  }
}
