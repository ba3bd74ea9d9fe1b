import { problem } from '@ropeline/core/protocol/problem-codes.ts';
import type { QueuePageData } from '@ropeline/core/protocol/queue-page.ts';
import type { Status } from '@ropeline/core/protocol/status.ts';
import { describe, expect, it } from 'vitest';
import { pageHeaders } from '../../src/data-plane/page/page-headers.ts';
import type { PageModel } from '../../src/data-plane/page/page-model.ts';
import { renderPage } from '../../src/data-plane/page/render-page.ts';

const status: Status = {
  room: 'demo',
  visitor: 'v',
  state: 'waiting',
  lane: 'standard',
  position: 13,
  ahead: 12,
  waiting: 40,
  etaSeconds: { p50: 20, p90: 50 },
  pollAfterMs: 3_000,
  place: 'v1.secret-ticket',
  serverTime: 0,
};
const assets = { script: '/_ropeline/assets/main-1.js', style: '/_ropeline/assets/main-1.css' };

function page(changes: Partial<PageModel> = {}): string {
  const model = {
    room: 'demo',
    to: '/shop?x=1&y=2',
    status,
    publicState: null,
    needsTestCookie: false,
    assets,
  };
  return renderPage({ ...model, ...changes }, 1_000);
}

function refresh(html: string): string | undefined {
  return /http-equiv="refresh" content="([^"]*)"/.exec(html)?.[1]?.replaceAll('&amp;', '&');
}

function shown(html: string, id: string): boolean {
  const tag = new RegExp(`<[^>]*id="${id}"[^>]*>`).exec(html)?.[0];
  if (tag === undefined) throw new Error(`no element ${id}`);
  return !/ hidden[ >]/.test(tag);
}

describe('without JavaScript', () => {
  it('shows the numbers and asks again, remembering where the visitor began', () => {
    const html = page();
    expect(html).toContain('<strong id="position">13</strong>');
    expect(html).toContain('<dd id="ahead">12</dd>');
    expect(refresh(html)).toBe('3; url=/_ropeline/rooms/demo/page?to=%2Fshop%3Fx%3D1%26y%3D2&from=12');
    expect(refresh(page({ startedAhead: 20 }))).toMatch(/&from=20$/);
  });

  it('only then: the refresh stands in noscript, unless there is no script to run', () => {
    expect(page()).toMatch(/<noscript><meta http-equiv="refresh"/);
    expect(page({ assets: {} })).toMatch(/\n<meta http-equiv="refresh"/);
    expect(page({ assets: {} })).not.toContain('<script');
  });

  it('comes back at once with c=1 when the test cookie was just set', () => {
    expect(refresh(page({ status: null, needsTestCookie: true }))).toMatch(/^0; url=.*&c=1$/);
  });

  it('enters by itself at the turn, or shows the link where a click is wanted', () => {
    const admitted = { ...status, state: 'admitted', position: null, ahead: null, claimBy: 61_000 } as const;
    const enter = '/_ropeline/rooms/demo/enter?to=%2Fshop%3Fx%3D1%26y%3D2';
    expect(refresh(page({ status: admitted }))).toBe(`1; url=${enter}`);
    const click = page({ status: admitted, confirm: 'click' });
    expect(refresh(click)).toMatch(/^15; url=.*\/page\?/);
    expect(click).toContain(`<a id="enter" class="button" href="${enter}">`);
    expect(click).toContain('<time id="remaining">1:00</time>');
  });

  it('has forms to take a place and to give it up, which carry the target', () => {
    const left = page({ status: { ...status, state: 'left' } });
    expect(shown(left, 'join')).toBe(true);
    expect(shown(left, 'leave')).toBe(false);
    expect(left).toContain('method="post" action="/_ropeline/rooms/demo/join"');
    expect(shown(page(), 'join')).toBe(false);
    expect(shown(page(), 'leave')).toBe(true);
    expect(page()).toContain('method="post" action="/_ropeline/rooms/demo/place/leave"');
    expect(page()).toContain('<input type="hidden" name="to" value="/shop?x=1&amp;y=2">');
  });

  it('explains that cookies are needed, and does not refresh into a loop', () => {
    const html = page({ status: null, cookiesOff: true });
    expect(html).toContain('Cookies are switched off');
    expect(refresh(html)).toBeUndefined();
  });

  it('says why there is no place', () => {
    const closed = page({ status: null, problem: problem('room-closed', undefined, { opensAt: 61_000 }) });
    expect(closed).toContain('Not open yet');
    expect(closed).toContain('<time id="remaining">1:00</time>');
    expect(page({ status: null, problem: problem('full') })).toContain('The line is full');
  });
});

describe('what comes from outside', () => {
  it('is escaped wherever it stands', () => {
    const evil = `"'><script>alert(1)</script>`;
    const html = page({ room: evil, to: `/${evil}`, message: evil });
    expect(html).not.toContain('<script>alert');
    expect(html.match(/<script/g)).toHaveLength(1);
  });

  it('reaches the script as it was, without the place ticket', () => {
    const html = page({ message: `"&amp;'<b>` });
    const attribute = /data-page="([^"]*)"/.exec(html)?.[1] ?? '';
    const text = attribute
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&');
    const data = JSON.parse(text) as QueuePageData;
    expect(data).toMatchObject({
      room: 'demo',
      to: '/shop?x=1&y=2',
      message: `"&amp;'<b>`,
      serverTime: 1_000,
    });
    expect(html).not.toContain('secret-ticket');
  });

  it('cannot run: nothing inline is allowed and nothing inline is there', () => {
    expect(pageHeaders['content-security-policy']).not.toContain('unsafe');
    expect(page()).not.toMatch(/<style|\sstyle=|\son[a-z]+=/);
  });
});
