import { type QueuePageData, roomPaths } from '@ropeline/core/protocol/queue-page.ts';
import { type QueueView, queueView } from '@ropeline/core/protocol/queue-view.ts';
import { remainingText } from '@ropeline/core/protocol/queue-words.ts';
import { type Html, html } from './html.ts';
import type { PageModel } from './page-model.ts';

/**
 * The queue page. Complete without JavaScript: it shows the numbers, asks again after the seconds that the server
 * chose, enters at the turn, and every button is a form or a link. The script fills the same elements by their ids,
 * so all of them are always there, hidden when they say nothing.
 */
export function renderPage(model: PageModel, now = Date.now()): string {
  const data = pageData(model, now);
  const view = queueView({
    ...data,
    ...(model.startedAhead === undefined ? {} : { startedAhead: model.startedAhead }),
  });
  const paths = roomPaths(model.room, model.to);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="color-scheme" content="light dark">
<title>${view.title} · ${model.room}</title>
<link rel="icon" href="data:,">
${model.assets.style !== undefined && html`<link rel="stylesheet" href="${model.assets.style}">`}
${model.assets.script !== undefined && html`<script type="module" src="${model.assets.script}"></script>`}
${refresh(model, view)}
</head>
<body>
<main id="queue" class="card" data-tone="${view.tone}" data-page="${JSON.stringify(data)}">
<p class="room">Waiting room <span>${model.room}</span></p>
<h1 id="heading" tabindex="-1">${view.heading}</h1>
<p id="text">${view.text}</p>
${placeSection(view)}
<p id="countdown" class="countdown"${hidden(view.countdown === undefined)}><span id="countdown-label">${view.countdown?.label}</span> <time id="remaining">${view.countdown && remainingText(view.countdown.until - now)}</time></p>
<p id="note" class="note"${hidden(view.note === undefined)}>${view.note}</p>
<p id="message" class="message"${hidden(data.message === '')}>${data.message}</p>
<div class="actions">
<a id="enter" class="button" href="${paths.enter}"${hidden(view.action !== 'enter')}>Enter now</a>
<a id="again" class="button" href="${paths.page}"${hidden(view.action !== 'again')}>${view.actionLabel ?? 'Try again'}</a>
<form id="join" method="post" action="${paths.join}"${hidden(view.action !== 'join')}><input type="hidden" name="to" value="${model.to}"><button id="join-button" class="button">${view.actionLabel ?? 'Take a place'}</button></form>
<details id="leave"${hidden(!view.mayLeave)}><summary>Leave the line</summary><form method="post" action="${paths.leave}"><input type="hidden" name="to" value="${model.to}"><p>Your place goes to the next. You cannot get it back.</p><button class="button quiet">Give up my place</button></form></details>
${model.takesCodes === true && codeForm(model, paths.join)}
</div>
<p id="connection" class="connection" hidden></p>
</main>
<div id="announce" class="visually-hidden" role="status" aria-live="polite"></div>
</body>
</html>
`.text;
}

/** A plain form also where scripts run: the answer is the page anew. */
function codeForm({ to, codeRefused, problem }: PageModel, action: string): Html {
  const open = codeRefused === true || problem?.code === 'lane-not-allowed';
  return html`<details id="have-code"${open && html` open`}><summary>I have a code</summary><form method="post" action="${action}"><input type="hidden" name="to" value="${to}">
${codeRefused === true && html`<p role="alert">This code is not known, used up, or over.</p>`}
<p><label>Code <input name="code" required maxlength="100" autocomplete="off" autocapitalize="characters" spellcheck="false"></label></p><button class="button quiet">Use this code</button></form></details>`;
}

function placeSection({ place }: QueueView): Html {
  return html`<section id="place" aria-label="Your place"${hidden(place === undefined)}>
<p class="position"><span>Your position</span> <strong id="position">${place?.position}</strong></p>
<progress id="progress" max="100" value="${place?.progress ?? 0}" aria-label="Way through the line">${place?.progress ?? 0} %</progress>
<dl>
<div><dt>Ahead of you</dt><dd id="ahead">${place?.ahead}</dd></div>
<div><dt>In line in all</dt><dd id="waiting">${place?.waiting}</dd></div>
<div><dt>Estimated wait</dt><dd id="estimate">${place?.estimate}</dd></div>
</dl>
</section>`;
}

/** Only for browsers that run no script; unconditional when there is no script to run. */
function refresh(model: PageModel, view: QueueView): Html | false {
  const [seconds, address] = nextRequest(model, view);
  if (seconds === null) return false;
  const meta = html`<meta http-equiv="refresh" content="${seconds}; url=${address}">`;
  return model.assets.script === undefined ? meta : html`<noscript>${meta}</noscript>`;
}

function nextRequest(model: PageModel, view: QueueView): readonly [seconds: number | null, address: string] {
  const paths = roomPaths(model.room, model.to);
  if (model.needsTestCookie) return [0, `${paths.page}&c=1`];
  if (view.action === 'enter' && (model.confirm !== 'click' || model.status?.state === 'active')) {
    return [view.refreshSeconds, paths.enter];
  }
  const from = model.startedAhead ?? model.status?.ahead;
  return [
    view.refreshSeconds,
    from === null || from === undefined ? paths.page : `${paths.page}&from=${from}`,
  ];
}

function pageData(model: PageModel, now: number): QueuePageData {
  const opensAt = opening(model);
  const problem = model.cookiesOff === true ? 'cookies-off' : model.problem?.code;
  const { place: _ticket, ...status } = model.status ?? {};
  return {
    room: model.room,
    to: model.to,
    status: model.status === null ? null : (status as NonNullable<PageModel['status']>),
    roomState: model.publicState?.state ?? null,
    ...(opensAt === undefined ? {} : { opensAt }),
    ...(model.publicState?.draw === undefined ? {} : { isLottery: true }),
    ...(problem === undefined ? {} : { problem }),
    confirm: model.confirm ?? 'auto',
    message: model.message ?? model.status?.message ?? model.publicState?.message ?? '',
    serverTime: now,
  };
}

function opening({ problem, publicState }: PageModel): number | undefined {
  const refused = problem?.['opensAt'];
  return typeof refused === 'number' ? refused : publicState?.opensAt;
}

function hidden(when: boolean): Html | false {
  return when && html` hidden`;
}
