import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { until } from '../../testing/until.ts';
import { pausedRoom, positionOn, useDemoRoom } from './demo-room.ts';

const demoRoom = useDemoRoom();

it('leads a visitor from the queue page through the shop to a paid order, and what is behind it agrees', async () => {
  const room = demoRoom();
  await pausedRoom(room);
  const page = await room.visitor();
  await page.goto(room.at('/'));
  expect(page.url()).toContain('/_ropeline/rooms/demo/page?to=');
  expect(await positionOn(page)).toBeGreaterThanOrEqual(1);
  await until(async () => /^\d+ in line · demo$/.test(await page.title()));
  await page.locator('#note', { hasText: 'paused' }).waitFor();

  await room.resume();
  await page.waitForURL(room.at('/'));
  const before = await soldOf(room.at('/'), page);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('spinbutton', { name: 'Tickets' }).fill('2');
  await page.getByRole('button', { name: 'Reserve' }).click();
  await page.locator('#order-state', { hasText: 'RESERVED' }).waitFor();
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.locator('#order-state', { hasText: 'COMPLETED' }).waitFor();
  await until(async () => (await soldOf(room.at('/'), page)) === before + 2);

  await page.reload();
  await page.locator('#order-state', { hasText: 'COMPLETED' }).waitFor();
});

it('lets a visitor cancel, and shows the tickets as free again', async () => {
  const room = demoRoom();
  const page = await room.visitor();
  await page.goto(room.at('/'));
  await page.waitForURL(room.at('/'));
  await page.getByLabel('Member id').fill('testuser2');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Reserve' }).click();
  await page.locator('#order-state', { hasText: 'RESERVED' }).waitFor();
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await page.locator('#order-state', { hasText: 'CANCELLED' }).waitFor();
  await until(async () => (await page.locator('#held').innerText()) === '0');
});

it('says so when the payment is declined', async () => {
  const room = demoRoom();
  const behave = (declineShare: number) =>
    fetch(`${room.ropeline.addresses.payment}/behaviour`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ declineShare }),
    });
  const page = await room.visitor();
  await page.goto(room.at('/'));
  await page.waitForURL(room.at('/'));
  await page.getByLabel('Member id').fill('testuser3');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Reserve' }).click();
  await behave(1);
  try {
    await page.getByRole('button', { name: 'Pay' }).click();
    await page.locator('#order-state', { hasText: 'CANCELLED' }).waitFor();
    await page.getByRole('alert').filter({ hasText: 'declined' }).waitFor();
  } finally {
    await behave(0);
  }
});

it('says that the visit has ended, and leads back to the line', async () => {
  const room = demoRoom();
  const page = await room.visitor();
  await page.goto(room.at('/'));
  await page.waitForURL(room.at('/'));
  await page.locator('#price', { hasText: /\d/ }).waitFor();
  await page.context().clearCookies({ name: 'ropeline_entry_demo' });
  const back = page.getByRole('link', { name: 'Back to the line' });
  await back.waitFor();
  await page.getByRole('alert').filter({ hasText: 'visit has ended' }).waitFor();
  // The place is still active: the way back leads in again at once.
  await back.click();
  await page.locator('#price', { hasText: /\d/ }).waitFor();
});

it('has no accessibility fault that a machine can find, and fits 320 px, on either page', async () => {
  const room = demoRoom();
  await pausedRoom(room);
  const page = await room.visitor({ viewport: { width: 320, height: 640 } });
  await page.goto(room.at('/'));
  await positionOn(page);
  await expectSound();
  await room.resume();
  await page.waitForURL(room.at('/'));
  await page.locator('#price', { hasText: /\d/ }).waitFor();
  await expectSound();

  async function expectSound(): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => [id, ...nodes.map((node) => node.html)])).toEqual([]);
    }
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
  }
});

async function soldOf(shop: string, page: Page): Promise<number> {
  const answer = await page.request.get(new URL('/api/offers/1/stock', shop).href);
  return ((await answer.json()) as { sold: number }).sold;
}
