import './queue.css';
import type { QueuePageData } from '@ropeline/core/protocol/queue-page.ts';
import { element } from '../ui/elements.ts';
import { QueuePage } from './queue-page.ts';
import { Screen } from './screen.ts';

const data = JSON.parse(element('queue', HTMLElement).dataset['page'] ?? '') as QueuePageData;
const page = new QueuePage(data, new Screen(data.room));

// A page that is only rendered ahead of a visit must not take a place.
if ('prerendering' in document && document.prerendering === true) {
  document.addEventListener('prerenderingchange', () => page.start(), { once: true });
} else {
  await page.start();
}

window.addEventListener('online', () => page.wake());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) page.wake();
});
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload();
});
element('enter', HTMLAnchorElement).addEventListener('click', (event) => {
  if (page.claim()) event.preventDefault();
});
