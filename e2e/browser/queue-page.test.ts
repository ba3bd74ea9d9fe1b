import { expect, it, onTestFinished } from 'vitest';
import { until } from '../../testing/until.ts';
import { processesOf } from '../support/processes-of.ts';
import { liveSocket, pausedRoom, positionOn, publicRoom, showsPosition, useDemoRoom } from './demo-room.ts';

const demoRoom = useDemoRoom();

it('lets a visitor without JavaScript wait, see the position, and in at the turn', async () => {
  const room = demoRoom();
  await pausedRoom(room);
  const page = await room.visitor({ javaScriptEnabled: false });
  await page.goto(room.at('/'));
  const position = await positionOn(page);
  // It asks again by itself and still has the same place.
  await page.waitForURL(/&from=\d+/);
  await showsPosition(page, position);
  await room.resume();
  await page.waitForURL(room.at('/'));
  expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('You are in');
});

it('keeps the place over a reload, in front of who came later', async () => {
  const room = demoRoom();
  await pausedRoom(room);
  const [first, second] = [await room.visitor(), await room.visitor()];
  await first.goto(room.at('/'));
  const position = await positionOn(first);
  await second.goto(room.at('/'));
  await showsPosition(second, position + 1);
  await first.reload();
  await showsPosition(first, position);
});

it('gives two tabs of one visitor one place, and both their turn', async () => {
  const room = demoRoom();
  await pausedRoom(room);
  const first = await room.visitor();
  await first.goto(room.at('/'));
  const position = await positionOn(first);
  const { waiting } = await until(async () => {
    const now = await publicRoom(room);
    return now.waiting > 0 && now;
  });
  const second = await first.context().newPage();
  await second.goto(room.at('/'));
  await showsPosition(second, position);
  expect((await publicRoom(room)).waiting).toBe(waiting);
  await room.resume();
  await Promise.all([first.waitForURL(room.at('/')), second.waitForURL(room.at('/'))]);
});

it('comes back to the same place by itself when the gateway is killed', async () => {
  const room = demoRoom();
  await pausedRoom(room);
  const page = await room.visitor();
  const live = liveSocket(page);
  await page.goto(room.at('/'));
  const position = await positionOn(page);
  await live;
  const gateways = processesOf(room.ropeline.dataDir).filter(({ command }) =>
    command.includes('gateway/src/main.ts'),
  );
  expect(gateways.length).toBeGreaterThan(0);
  const liveAgain = liveSocket(page);
  // Who starts it again stands still until the page has said that it is away.
  const { process: supervisor } = room.ropeline;
  onTestFinished(() => void supervisor.kill('SIGCONT'));
  supervisor.kill('SIGSTOP');
  for (const { pid } of gateways) process.kill(pid, 'SIGKILL');
  await page.getByText('No connection at the moment').waitFor();
  supervisor.kill('SIGCONT');
  await liveAgain;
  await page.getByText('No connection at the moment').waitFor({ state: 'hidden' });
  await showsPosition(page, position);
  await room.resume();
  await page.waitForURL(room.at('/'));
});

it('gets in by polling where sockets do not pass', async () => {
  const room = demoRoom();
  await pausedRoom(room);
  const page = await room.visitor();
  await page.routeWebSocket(/\/live$/, (socket) => socket.close({ code: 1011, reason: 'no sockets here' }));
  await page.goto(room.at('/'));
  await page.getByText('Updates come every few seconds').waitFor();
  expect(await positionOn(page)).toBeGreaterThanOrEqual(1);
  await room.resume();
  await page.waitForURL(room.at('/'));
});

it('gives the place up on request, and a new one at the end', async () => {
  const room = demoRoom();
  await pausedRoom(room);
  const [page, other] = [await room.visitor(), await room.visitor()];
  await page.goto(room.at('/'));
  const position = await positionOn(page);
  await other.goto(room.at('/'));
  await showsPosition(other, position + 1);
  await page.getByText('Leave the line').click();
  await page.getByRole('button', { name: 'Give up my place' }).click();
  await page.getByRole('heading', { name: 'You have left the line' }).waitFor();
  await showsPosition(other, position);
  await page.getByRole('button', { name: 'Take a new place' }).click();
  await showsPosition(page, position + 1);
});

it('waits for a click at the turn where the room wants one, and has the focus there', async () => {
  const room = demoRoom();
  await room.patch({ claim: { confirm: 'click' } });
  onTestFinished(() => room.patch({ claim: { confirm: 'auto' } }));
  await pausedRoom(room);
  const page = await room.visitor();
  await page.goto(room.at('/'));
  await positionOn(page);
  await room.resume();
  await page.locator('#heading:focus', { hasText: 'It is your turn' }).waitFor();
  expect(await page.locator('#remaining').innerText()).toMatch(/^(0:[0-5]\d|1:00)$/);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForURL(room.at('/'));
});

it('says at once that all is held, and that all is sold', async () => {
  const room = demoRoom();
  await pausedRoom(room);
  const page = await room.visitor();
  await page.goto(room.at('/'));
  const position = await positionOn(page);
  // The ticket service would say how its stock really is.
  const selling = processesOf(room.ropeline.dataDir).filter(({ command }) =>
    command.includes('ticket-service/src/main.ts'),
  );
  expect(selling).toHaveLength(1);
  for (const { pid } of selling) {
    onTestFinished(() => void process.kill(pid, 'SIGCONT'));
    process.kill(pid, 'SIGSTOP');
  }
  // Pausing comes first in the order of states, so it would hide that the stock is held.
  await room.signal({ capacity: 1_000, held: 1_000, sold: 0 });
  await room.resume();
  await page.getByText('Everything left is being paid for by others').waitFor();
  await showsPosition(page, position);
  await room.signal({ capacity: 1_000, held: 0, sold: 1_000 });
  await page.getByRole('heading', { name: 'Sold out' }).waitFor();
  expect(await page.title()).toBe('Sold out · demo');
  expect(await page.locator('#place').isHidden()).toBe(true);
});

it('takes no place for a prefetch, nor for a client that keeps no cookies, and explains', async () => {
  const room = demoRoom();
  await pausedRoom(room);
  const { waiting } = await publicRoom(room);
  const address = room.at('/_ropeline/rooms/demo/page?to=/');
  const prefetch = await fetch(address, { headers: { 'sec-purpose': 'prefetch' } });
  expect(prefetch.status).toBe(200);
  expect(prefetch.headers.getSetCookie()).toEqual([]);
  // Shown after all, it begins from the beginning.
  expect(await prefetch.text()).not.toContain('c=1');
  const first = await fetch(address);
  expect(first.headers.getSetCookie().join()).toMatch(/ropeline_test=/);
  expect(first.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(first.headers.get('cache-control')).toBe('no-store');
  expect(await (await fetch(`${address}&c=1`)).text()).toContain('Cookies are switched off');
  expect((await publicRoom(room)).waiting).toBe(waiting);
});
