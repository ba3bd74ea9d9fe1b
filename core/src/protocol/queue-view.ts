import { countText, estimateText } from './queue-words.ts';
import type { RoomState, Status } from './status.ts';

/**
 * What the queue page says, as one pure function of what is known. The gateway renders it for browsers without
 * JavaScript and the page's script applies the same to the same elements, so the two cannot disagree.
 */
export type QueueFacts = {
  /** The visitor's own numbers; null before there is a place. */
  readonly status: Status | null;
  readonly roomState: RoomState | null;
  /** Unix ms, from the room or from the refusal. */
  readonly opensAt?: number;
  /** Who joins before the opening is drawn. */
  readonly isLottery?: boolean;
  /** Code of what went wrong: a problem code, or one of the page's own. */
  readonly problem?: string;
  readonly confirm: 'auto' | 'click';
  /** `ahead` when the page first knew it: where the progress bar starts. */
  readonly startedAhead?: number;
};

export type QueueView = {
  /** For the document's title. */
  readonly title: string;
  readonly heading: string;
  readonly text: string;
  /** Something that holds the line up right now. */
  readonly note?: string;
  readonly tone: 'calm' | 'turn' | 'over';
  readonly place?: {
    readonly position: string;
    readonly ahead: string;
    readonly waiting: string;
    readonly estimate: string;
    /** Whole per cent, from where the visitor began. */
    readonly progress: number;
  };
  readonly countdown?: { readonly label: string; readonly until: number };
  /** `enter` shows the way in, `join` the button that takes a new place, `again` a link to this page. */
  readonly action: 'none' | 'enter' | 'join' | 'again';
  readonly actionLabel?: string;
  readonly mayLeave: boolean;
  /** After how many seconds a page without JavaScript asks again; null = it stays as it is. */
  readonly refreshSeconds: number | null;
};

const holds = {
  paused: 'The line is paused. Nobody is let in right now, and everybody keeps their place.',
  'stock-held':
    'Everything left is being paid for by others. If something comes back the line moves on; you keep your place.',
  recovering: 'We are recovering from a fault and putting everybody back. You keep your place.',
  'redis-away':
    'We have lost touch with the shared line for a moment. You keep your place, and this page goes on by itself.',
} as const satisfies Record<string, string>;

/** Why an estimate is another than before; the line goes on. */
const moves: Readonly<Record<string, string>> = {
  'rate-changed': 'The pace has changed, and the estimate with it.',
  capacity: 'How many can be inside at once has changed the pace, and the estimate with it.',
  lapses: 'How many do not take their turn has changed the pace, and the estimate with it.',
  'line-changed': 'People in front of you left the line or came back to it; the estimate has changed.',
};

export function isHold(reason: string | null | undefined): reason is keyof typeof holds {
  return reason !== null && reason !== undefined && Object.hasOwn(holds, reason);
}

export function queueView(facts: QueueFacts): QueueView {
  if (facts.problem !== undefined) return problemView(facts.problem, facts);
  const { status } = facts;
  if (status === null) return joiningView(facts);
  switch (status.state) {
    case 'waiting':
      return waitingView(status, facts);
    case 'scheduled':
      return scheduledView(status, facts);
    case 'admitted':
      return admittedView(status, facts);
    case 'active':
      return {
        ...calm,
        title: 'You are in',
        heading: 'You are in',
        text: 'Taking you there…',
        tone: 'turn',
        action: 'enter',
        refreshSeconds: 1,
      };
    case 'ended':
      return over('Your visit has ended', 'To come in again, take a new place in line.', 'Take a new place');
    case 'lapsed':
      return over(
        'Your turn has passed',
        'It was not taken in time and went to the next in line. You can take a new place at the end.',
        'Take a new place',
      );
    case 'abandoned':
      return over(
        'You were away for a while',
        'We stopped counting you, but your place is kept.',
        'I am back: take my place',
      );
    case 'left':
      return over('You have left the line', 'You can take a new place at the end.', 'Take a new place');
    case 'revoked':
      return over('Your place was withdrawn', 'The organiser has withdrawn this place.');
    case 'rejected':
      return problemView(
        status.reason === 'closed' ? 'room-closed' : (status.reason ?? 'room-closed'),
        facts,
      );
    default:
      return status.state satisfies never;
  }
}

const calm = { tone: 'calm', action: 'none', mayLeave: false, refreshSeconds: null } as const;

function over(heading: string, text: string, joinLabel?: string): QueueView {
  const action = joinLabel === undefined ? {} : ({ action: 'join', actionLabel: joinLabel } as const);
  return { ...calm, title: heading, heading, text, tone: 'over', ...action };
}

function again(heading: string, text: string, actionLabel: string, refreshSeconds: number | null): QueueView {
  return { ...over(heading, text), action: 'again', actionLabel, refreshSeconds };
}

function countdown(label: string, until: number | undefined): Pick<QueueView, 'countdown'> {
  return until === undefined ? {} : { countdown: { label, until } };
}

function joiningView({ roomState, opensAt }: QueueFacts): QueueView {
  if (roomState === 'scheduled')
    return problemView('room-closed', { roomState, ...(opensAt === undefined ? {} : { opensAt }) });
  return {
    ...calm,
    title: 'Taking your place',
    heading: 'Taking your place in line',
    text: 'One moment…',
    refreshSeconds: 2,
  };
}

/** Before the opening, and between it and the end of the draw. */
function scheduledView(status: Status, facts: QueueFacts): QueueView {
  const opensAt = status.opensAt ?? facts.opensAt;
  if (opensAt !== undefined && opensAt <= status.serverTime) {
    return {
      ...calm,
      title: 'Opening now',
      heading: 'Opening now',
      text: 'The line is being put in order. Your number will show in a moment.',
      mayLeave: true,
      refreshSeconds: 2,
    };
  }
  return {
    ...calm,
    title: 'Opening soon',
    heading: 'You are early',
    text:
      facts.isLottery === true
        ? 'You will be drawn: when the line opens, everybody who is here by then gets a place by lot. It makes no difference when you came, and you need not do anything.'
        : 'You have a place. The line starts to move when it opens; you need not do anything.',
    ...countdown('Opens in', opensAt),
    mayLeave: true,
    refreshSeconds: 15,
  };
}

function waitingView(status: Status, facts: QueueFacts): QueueView {
  const reason = isHold(facts.roomState) ? facts.roomState : status.reason;
  const words = isHold(reason) ? holds[reason] : moves[reason ?? ''];
  const note = words === undefined ? {} : { note: words };
  const far = (status.etaSeconds?.p50 ?? 0) > 120;
  const base = { ...calm, ...note, mayLeave: true, refreshSeconds: far ? 15 : pollSeconds(status) };
  if (status.position === null || status.ahead === null) {
    return {
      ...base,
      title: 'In line',
      heading: 'You are in line',
      text: 'Your place is safe. Its number will show in a moment.',
    };
  }
  // Without Redis the room may stand still or go on at a pace that nobody knows.
  const isAway = reason === 'redis-away';
  const stopped = isHold(reason) && !isAway;
  const start = Math.max(facts.startedAhead ?? status.ahead, status.ahead);
  return {
    ...base,
    title: `${countText(status.position)} in line`,
    heading: 'You are in line',
    text: 'Keep this page open. You keep your place if you reload it or lose the connection.',
    ...countdown('The line closes in', status.closesAt),
    place: {
      position: countText(status.position),
      ahead: countText(status.ahead),
      waiting: status.waiting === null ? '–' : countText(status.waiting),
      estimate: stopped
        ? 'on hold'
        : isAway || status.etaSeconds === null
          ? 'not known yet'
          : estimateText(status.etaSeconds),
      progress: start === 0 ? 100 : Math.floor(((start - status.ahead) / start) * 100),
    },
  };
}

function admittedView(status: Status, { confirm, roomState }: QueueFacts): QueueView {
  const auto = confirm === 'auto';
  const isAway = roomState === 'redis-away';
  return {
    ...calm,
    title: 'It is your turn',
    heading: 'It is your turn',
    text: !auto
      ? 'Come in while your turn lasts; otherwise it goes to the next in line.'
      : isAway
        ? 'Taking you in. We have lost touch with the shared line, so it may take a moment; this page tries again by itself.'
        : 'Taking you in…',
    tone: 'turn',
    action: 'enter',
    ...countdown('Your turn lasts another', status.claimBy),
    mayLeave: !auto,
    refreshSeconds: !auto ? 15 : isAway ? 3 : 1,
  };
}

/** A room that is closed for good may still know when it once opened. */
function opensLater({ opensAt, roomState }: Pick<QueueFacts, 'opensAt' | 'roomState'>): boolean {
  return (
    roomState === 'scheduled' || (opensAt !== undefined && roomState !== 'closed' && roomState !== 'drained')
  );
}

function problemView(problem: string, facts: Pick<QueueFacts, 'opensAt' | 'roomState'>): QueueView {
  switch (problem) {
    case 'room-closed':
    case 'closed':
    case 'drained':
      if (opensLater(facts)) {
        return {
          ...calm,
          title: 'Not open yet',
          heading: 'Not open yet',
          text: 'Nobody is in line yet. This page goes on by itself when it starts.',
          ...countdown('Opens in', facts.opensAt),
          refreshSeconds: 15,
        };
      }
      return over('The line is closed', 'Nobody is let in any more.');
    case 'lane-not-allowed':
      return over('For the invited', 'This line takes who has a code. If you have one, enter it below.');
    case 'sold-out':
      return over('Sold out', 'Everything is gone, so the line has ended. Thank you for waiting.');
    case 'full':
      return again(
        'The line is full',
        'There is no place left right now. Try again in a while.',
        'Try again',
        30,
      );
    case 'bad-ticket':
    case 'no-place':
    case 'place-over':
      return again(
        'You have no place in this line',
        'It may belong to an earlier event, or your browser has forgotten it.',
        'Take a place',
        null,
      );
    case 'too-many-joins':
      return again('Too many at once', 'Too many places were asked for from your address.', 'Try again', 10);
    case 'cookies-off':
      return again(
        'Cookies are switched off',
        'Your place in line is kept in a cookie, and your browser does not keep ours. Allow cookies for this site, then try again.',
        'Try again',
        null,
      );
    case 'blocked':
    case 'challenge-required':
    case 'cross-site':
      return over('You cannot join this line', 'The organiser does not let this request in.');
    case 'unknown-room':
    case 'no-room':
      return over('There is no such line', 'Check the address you came by.');
    default:
      return {
        ...calm,
        title: 'Hold on',
        heading: 'We will be right back',
        text: 'The line cannot be reached right now. A place you have is kept, and this page tries again by itself.',
        refreshSeconds: 5,
      };
  }
}

function pollSeconds(status: Status): number {
  return Math.max(1, Math.ceil(status.pollAfterMs / 1_000));
}
