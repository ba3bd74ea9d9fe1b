import { keep, kept, newIdempotencyKey } from './kept.ts';
import { parts, showMember, showOffer, showOrder, showProblem, showStep, showStock } from './screen.ts';
import { callShop, type Offer, type Order, type Session, ShopProblem, type Stock } from './shop-api.ts';
import { problemText } from './shop-words.ts';

const offerId = 1;
const stockEveryMs = 2_000;
const askAgainMs = 1_500;

/** Outcomes after which the same reserve may be sent again, under the same key. */
const unknownOutcomes = ['offline', 'unavailable', 'not-ready', 'timeout', 'bad-gateway', 'gateway-timeout'];

/**
 * One visit: log in, reserve, pay or cancel. The order's state is always the service's last answer; nothing is
 * concluded here.
 */
export class Shop {
  #token = kept('token');
  #order: Order | undefined;
  #idempotencyKey = newIdempotencyKey();
  #ended = false;

  async start(): Promise<void> {
    this.#listen();
    this.#watchStock();
    await this.#do(async () => showOffer(await callShop<Offer>(`/api/offers/${offerId}`)));
    if (this.#token === undefined) return showStep('login', false);
    showMember(kept('member') ?? '');
    showStep('buy', false);
    const orderId = kept('order');
    if (orderId === undefined) return;
    await this.#do(async () => this.#show(await this.#ask(orderId)));
  }

  #listen(): void {
    onSubmit(parts.loginForm, () => this.#do(() => this.#logIn()));
    onSubmit(parts.buyForm, () => this.#do(() => this.#reserve()));
    parts.pay.addEventListener('click', () => this.#do(() => this.#change('pay')));
    parts.cancel.addEventListener('click', () => this.#do(() => this.#change('cancel')));
    parts.another.addEventListener('click', () => this.#another());
    parts.logout.addEventListener('click', () => this.#logOut());
  }

  async #logIn(): Promise<void> {
    const body = { id: parts.member.value, password: parts.password.value };
    const { accessToken } = await callShop<Session>('/api/sessions', { method: 'POST', body });
    this.#token = accessToken;
    keep('token', accessToken);
    keep('member', body.id);
    showMember(body.id);
    showStep('buy', true);
  }

  #logOut(): void {
    this.#token = undefined;
    keep('token', undefined);
    keep('order', undefined);
    showStep('login', true);
  }

  async #reserve(): Promise<void> {
    try {
      const order = await callShop<Order>('/api/orders', {
        method: 'POST',
        body: { offerId, quantity: parts.quantity.valueAsNumber },
        token: this.#token,
        idempotencyKey: this.#idempotencyKey,
      });
      this.#idempotencyKey = newIdempotencyKey();
      this.#show(order, true);
    } catch (error) {
      if (!(error instanceof ShopProblem && unknownOutcomes.includes(error.code))) {
        this.#idempotencyKey = newIdempotencyKey();
      }
      throw error;
    }
  }

  async #change(step: 'pay' | 'cancel'): Promise<void> {
    if (this.#order === undefined) return;
    const { orderId } = this.#order;
    try {
      this.#show(
        await callShop<Order>(`/api/orders/${orderId}/${step}`, { method: 'POST', token: this.#token }),
      );
    } catch (error) {
      // Declined, expired, too late: what became of the order is the service's to say.
      await this.#ask(orderId).then(
        (order) => this.#show(order),
        () => undefined,
      );
      throw error;
    }
  }

  #ask(orderId: string): Promise<Order> {
    return callShop<Order>(`/api/orders/${orderId}`, { token: this.#token });
  }

  #show(order: Order, moveFocus = false): void {
    this.#order = order;
    keep('order', order.orderId);
    showOrder(order);
    showStep('order', moveFocus);
    if (order.state === 'PAYING') this.#askLater(order.orderId);
  }

  /** Until the provider has answered. */
  #askLater(orderId: string): void {
    setTimeout(() => this.#do(async () => this.#show(await this.#ask(orderId))), askAgainMs);
  }

  #another(): void {
    this.#order = undefined;
    keep('order', undefined);
    showProblem(undefined);
    showStep('buy', true);
  }

  /** Asks for the stock now and every 2 s while the page is seen and the visit lasts. */
  #watchStock(): void {
    const again = () => setTimeout(() => this.#watchStock(), stockEveryMs);
    if (this.#ended) return;
    if (document.hidden) {
      again();
      return;
    }
    callShop<Stock>(`/api/offers/${offerId}/stock`)
      .then(showStock)
      .catch((error: unknown) => {
        // Other refusals of a number that is asked again in 2 s are not worth a word.
        if (error instanceof ShopProblem && error.code === 'entry-required') this.#refused(error);
      })
      .finally(again);
  }

  /** Runs one step with its buttons off, and says what went wrong. */
  async #do(step: () => Promise<void>): Promise<void> {
    const buttons = document.querySelectorAll('button');
    for (const button of buttons) button.disabled = true;
    showProblem(undefined, this.#ended);
    try {
      await step();
    } catch (error) {
      if (!(error instanceof ShopProblem)) throw error;
      this.#refused(error);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  #refused(error: ShopProblem): void {
    this.#ended ||= error.code === 'entry-required';
    if (error.code === 'login-required') this.#logOut();
    showProblem(problemText(error), this.#ended);
  }
}

function onSubmit(form: HTMLFormElement, act: () => Promise<void>): void {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    await act();
  });
}
