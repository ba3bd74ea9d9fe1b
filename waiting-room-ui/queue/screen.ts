import { type QueueView, queueView } from '@ropeline/core/protocol/queue-view.ts';
import { remainingText } from '@ropeline/core/protocol/queue-words.ts';
import { element, setHidden, setText } from '../ui/elements.ts';
import { Announcer } from './announcer.ts';
import type { PageState } from './page-state.ts';
import type { Link } from './place-connection.ts';

const linkTexts: Record<Link, string> = {
  live: '',
  polling: 'Updates come every few seconds.',
  lost: 'No connection at the moment. You keep your place; this page goes on by itself.',
};

/** Fills the elements that the gateway rendered. Knows nothing of connections or claims. */
export class Screen {
  readonly #room: string;
  readonly #announcer = new Announcer(element('announce', HTMLElement));
  readonly #parts = findParts();
  #until: number | undefined;
  #clockOffsetMs = 0;

  constructor(room: string) {
    this.#room = room;
    setInterval(() => this.#showRemaining(), 1_000);
  }

  show(state: PageState, link: Link): void {
    const view = queueView(state);
    const parts = this.#parts;
    const turned = parts.heading.textContent !== view.heading;
    document.title = `${view.title} · ${this.#room}`;
    parts.main.dataset['tone'] = view.tone;
    setText(parts.heading, view.heading);
    setText(parts.text, view.text);
    optional(parts.note, view.note);
    if (state.message !== parts.message.textContent && state.message !== '') {
      this.#announcer.say(state.message, true);
    }
    optional(parts.message, state.message || undefined);
    optional(parts.connection, linkTexts[link] || undefined);
    this.#showPlace(view);
    this.#showActions(view);
    this.#until = view.countdown?.until;
    this.#clockOffsetMs = state.clockOffsetMs;
    setHidden(parts.countdown, view.countdown === undefined);
    setText(parts.countdownLabel, view.countdown?.label ?? '');
    this.#showRemaining();
    this.#tell(view, turned);
  }

  #showPlace({ place }: QueueView): void {
    const parts = this.#parts;
    setHidden(parts.place, place === undefined);
    if (place === undefined) return;
    setText(parts.position, place.position);
    setText(parts.ahead, place.ahead);
    setText(parts.waiting, place.waiting);
    setText(parts.estimate, place.estimate);
    parts.progress.value = place.progress;
  }

  #showActions(view: QueueView): void {
    const parts = this.#parts;
    setHidden(parts.enter, view.action !== 'enter');
    setHidden(parts.again, view.action !== 'again');
    setHidden(parts.join, view.action !== 'join');
    setHidden(parts.leave, !view.mayLeave);
    if (view.actionLabel === undefined) return;
    setText(view.action === 'join' ? parts.joinButton : parts.again, view.actionLabel);
  }

  #showRemaining(): void {
    if (this.#until === undefined) return;
    setText(this.#parts.remaining, remainingText(this.#until - Date.now() - this.#clockOffsetMs));
  }

  /** The turn and the end take the focus, so that the next key press acts on them; all else is only said. */
  #tell(view: QueueView, turned: boolean): void {
    if (turned && view.tone !== 'calm') {
      this.#parts.heading.focus();
      this.#announcer.say(`${view.heading}. ${view.text}`, true);
      return;
    }
    // A focused button that has just been hidden would leave the keyboard nowhere.
    if (document.activeElement?.closest('[hidden]')) this.#parts.heading.focus();
    const place =
      view.place &&
      `Position ${view.place.position}, ${view.place.ahead} ahead of you, estimated wait ${view.place.estimate}.`;
    this.#announcer.say([view.note ?? view.heading, place].filter(Boolean).join(' '));
  }
}

function optional(target: HTMLElement, text: string | undefined): void {
  setHidden(target, text === undefined);
  if (text !== undefined) setText(target, text);
}

function findParts() {
  return {
    main: element('queue', HTMLElement),
    heading: element('heading', HTMLHeadingElement),
    text: element('text', HTMLElement),
    place: element('place', HTMLElement),
    position: element('position', HTMLElement),
    progress: element('progress', HTMLProgressElement),
    ahead: element('ahead', HTMLElement),
    waiting: element('waiting', HTMLElement),
    estimate: element('estimate', HTMLElement),
    countdown: element('countdown', HTMLElement),
    countdownLabel: element('countdown-label', HTMLElement),
    remaining: element('remaining', HTMLElement),
    note: element('note', HTMLElement),
    message: element('message', HTMLElement),
    enter: element('enter', HTMLAnchorElement),
    again: element('again', HTMLAnchorElement),
    join: element('join', HTMLFormElement),
    joinButton: element('join-button', HTMLButtonElement),
    leave: element('leave', HTMLDetailsElement),
    connection: element('connection', HTMLElement),
  } as const;
}
