import { countText, remainingText } from '@ropeline/core/protocol/queue-words.ts';
import { element, setHidden, setText } from '../ui/elements.ts';
import type { Offer, Order, Stock } from './shop-api.ts';
import { moneyText, orderTexts } from './shop-words.ts';

export const parts = {
  loginForm: element('login-form', HTMLFormElement),
  member: element('member', HTMLInputElement),
  password: element('password', HTMLInputElement),
  buyForm: element('buy-form', HTMLFormElement),
  quantity: element('quantity', HTMLInputElement),
  logout: element('logout', HTMLButtonElement),
  pay: element('pay', HTMLButtonElement),
  cancel: element('cancel', HTMLButtonElement),
  another: element('another', HTMLButtonElement),
} as const;

const problem = element('problem', HTMLElement);
const ended = element('ended', HTMLElement);
const sections = {
  login: element('login', HTMLElement),
  buy: element('buy', HTMLElement),
  order: element('order', HTMLElement),
} as const;
const hold = element('hold', HTMLElement);
const holdRemaining = element('hold-remaining', HTMLElement);
let holdUntil = 0;

export function showProblem(text: string | undefined, visitEnded = false): void {
  setHidden(problem, text === undefined);
  setText(problem, text ?? '');
  setHidden(ended, !visitEnded);
}

/** One step at a time; the focus goes with it once the visitor has begun. */
export function showStep(step: keyof typeof sections, moveFocus: boolean): void {
  for (const [name, section] of Object.entries(sections)) setHidden(section, name !== step);
  if (moveFocus) sections[step].querySelector('h2')?.focus();
}

export function showMember(id: string): void {
  setText(element('who', HTMLElement), id);
}

export function showOffer({ title, price }: Offer): void {
  document.title = `${title} · Demo shop`;
  setText(element('offer-title', HTMLElement), title);
  setText(element('price', HTMLElement), moneyText(price));
}

export function showStock({ capacity, held, sold, available }: Stock): void {
  for (const [id, count] of Object.entries({ capacity, held, sold, available })) {
    setText(element(id, HTMLElement), countText(count));
  }
  const meter = element('stock-meter', HTMLMeterElement);
  meter.max = Math.max(1, capacity);
  meter.value = available;
}

export function showOrder(order: Order): void {
  setText(element('order-text', HTMLElement), orderTexts[order.state]);
  setText(element('order-id', HTMLElement), order.orderId);
  setText(element('order-state', HTMLElement), order.state);
  setText(element('order-units', HTMLElement), countText(order.units));
  setText(element('order-amount', HTMLElement), moneyText(order.amount));
  setHidden(parts.pay, order.state !== 'RESERVED');
  setHidden(parts.cancel, order.state !== 'RESERVED');
  setHidden(parts.another, order.state === 'RESERVED' || order.state === 'PAYING');
  holdUntil = order.holdUntil;
  setHidden(hold, order.state !== 'RESERVED');
  showHold();
}

function showHold(): void {
  if (!hold.hidden) setText(holdRemaining, remainingText(holdUntil - Date.now()));
}

setInterval(showHold, 1_000);
