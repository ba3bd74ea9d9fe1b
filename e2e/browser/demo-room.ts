import type { PublicRoom } from '@ropeline/core/protocol/status.ts';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { until } from '../../testing/until.ts';
import { type Ropeline, startRopeline } from '../support/start-ropeline.ts';

/** A running Ropeline, a browser, and the operator's hand on the demo room, for the tests of one file. */
export type DemoRoom = {
  readonly ropeline: Ropeline;
  /** A visitor of their own: cookies, storage and window. Closed at the end of the test. */
  readonly visitor: (options?: BrowserContextOptions) => Promise<Page>;
  /** Address below the gateway. */
  readonly at: (path: string) => string;
  /** Merges rules, as the operator does; the test puts back what it changes. */
  readonly patch: (rules: object) => Promise<void>;
  /** As the ticket service does. */
  readonly signal: (stock: { capacity: number; held: number; sold: number }) => Promise<void>;
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  readonly reset: () => Promise<void>;
};

/** Starts both before the tests of the file; every visitor has to queue, whatever the threshold. */
export function useDemoRoom(): () => DemoRoom {
  let ropeline: Ropeline | undefined;
  let browser: Browser | undefined;
  beforeAll(async () => {
    ropeline = await startRopeline();
    browser = await chromium.launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
    });
    await operator(ropeline, 'PATCH', '', { queue: { alwaysOn: true } });
  });
  afterAll(async () => {
    await browser?.close();
    await ropeline?.remove();
  });
  return () => {
    if (ropeline === undefined || browser === undefined) throw new Error('nothing was started');
    return demoRoom(ropeline, browser);
  };
}

function demoRoom(ropeline: Ropeline, browser: Browser): DemoRoom {
  return {
    ropeline,
    async visitor(options = {}) {
      const context = await browser.newContext({ viewport: { width: 1_280, height: 800 }, ...options });
      onTestFinished(() => context.close());
      context.setDefaultTimeout(60_000);
      return context.newPage();
    },
    at: (path) => new URL(path, ropeline.addresses.gateway).href,
    patch: (rules) => operator(ropeline, 'PATCH', '', rules),
    signal: (stock) => operator(ropeline, 'POST', '/signals', { stock }),
    pause: () => operator(ropeline, 'POST', '/pause'),
    resume: () => operator(ropeline, 'POST', '/resume'),
    reset: () => operator(ropeline, 'POST', '/reset'),
  };
}

/** Pauses the room for a test. Afterwards it is open and empty again, whoever the test has left in it. */
export async function pausedRoom(room: DemoRoom): Promise<void> {
  await room.pause();
  onTestFinished(async () => {
    await room.reset();
    await room.resume();
    await until(async () => (await publicRoom(room)).waiting === 0);
  });
}

export async function publicRoom(room: DemoRoom): Promise<PublicRoom> {
  const answer = await fetch(room.at('/_ropeline/rooms/demo'));
  return (await answer.json()) as PublicRoom;
}

async function operator(ropeline: Ropeline, method: string, action: string, body?: object): Promise<void> {
  const answer = await fetch(`${ropeline.addresses.control}/api/rooms/demo${action}`, {
    method,
    headers: {
      authorization: `Bearer ${ropeline.operatorToken}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new Error(`the control plane is away; Ropeline has said:\n${ropeline.output()}`, { cause });
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${action}: ${answer.status} ${text}`);
}

/** Until the page shows this position. */
export async function showsPosition(page: Page, position: number): Promise<void> {
  await until(async () => (await positionOn(page)) === position);
}

/** The position that the page shows. */
export async function positionOn(page: Page): Promise<number> {
  const position = page.locator('#position');
  await position.waitFor({ state: 'visible' });
  return Number((await position.innerText()).replaceAll(',', ''));
}

/** Until the page's script holds an open socket: asked of the browser, which the page cannot fool. */
export function liveSocket(page: Page): Promise<void> {
  return new Promise((resolve) => {
    page.on('websocket', (socket) => socket.on('framereceived', () => resolve()));
  });
}
