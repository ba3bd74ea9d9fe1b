import { setTimeout as delay } from 'node:timers/promises';
import { pick } from '../../../../gateway/test/support/random.ts';
import { askAndNote, type Request } from './ask.ts';
import type { Call, ToldOrder, Wish } from './history.ts';
import { nightAt, type Sold } from './offers.ts';

type Options = {
  readonly name: string;
  readonly token: string;
  readonly offers: readonly Sold[];
  /** Addresses of the ticket services as they are now. */
  readonly services: () => readonly string[];
  readonly random: () => number;
  /** Every call is written down here. */
  readonly calls: Call[];
};

/** An outage is over by then, whatever died. */
const insistForMs = 20_000;

/**
 * A member who buys one order after the other, as the random has it: pays or does not, twice at once or once, gives
 * back before or after, repeats the key. What has no answer, or "later" for one, is asked again of any service.
 */
export class Buyer {
  readonly #options: Options;
  /** Orders that are paid and kept. */
  readonly #bought: (readonly [Request, ToldOrder])[] = [];
  #orders = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** True when there was an order. */
  async buy(): Promise<boolean> {
    const { random, offers } = this.#options;
    const offer = weighted(offers, random);
    if (offer.kind === 'coupon') {
      const got = await this.#insist({
        ...{ wish: 'issue', offerId: offer.offerId, key: 'coupon', path: `coupons/${offer.offerId}/issue` },
      });
      return got?.code === 'issued';
    }
    const order = this.#wish(offer);
    const answers = await this.#onceOrTwice(order, 0.1);
    const told = answers.find((answer) => answer?.told !== undefined)?.told;
    if (told === undefined) {
      await this.#giveBackOne();
      return false;
    }
    await this.#goOn(order, told, random());
    if (random() < 0.15) await this.#insist(order);
    if (random() < 0.15) await this.#act('read', order, told);
    return true;
  }

  /** What is still held is given back, so that all holds end; orders without an answer get one. */
  async settle(): Promise<void> {
    const { calls, name } = this.#options;
    const mine = Map.groupBy(
      calls.filter(({ member, wish }) => member === name && wish !== 'issue'),
      ({ offerId, key }) => `${offerId} ${key}`,
    );
    for (const heard of mine.values()) {
      const told = heard.findLast((call) => call.told !== undefined)?.told;
      const [first] = heard;
      if (first === undefined || told === undefined) continue;
      const now = (await this.#act('read', first, told))?.told;
      if (now?.state === 'RESERVED' && now.holdUntil > Date.now() + 1_000)
        await this.#act('cancel', first, told);
    }
  }

  async #goOn(order: Request, told: ToldOrder, fate: number): Promise<void> {
    const { random } = this.#options;
    if (told.state !== 'RESERVED' || fate < 0.1) return;
    if (fate < 0.25) {
      await this.#act('cancel', order, told);
      return;
    }
    const paid = await this.#onceOrTwice(this.#request('pay', order, told), 0.15);
    if (!paid.some((answer) => answer?.status === 200)) return;
    if (random() < 0.3) await this.#act('cancel', order, told);
    else this.#bought.push([order, told]);
  }

  /** Nothing is free for an order: so that the sale goes on, something comes free. */
  async #giveBackOne(): Promise<void> {
    const [oldest] = this.#bought.splice(0, 1);
    if (oldest !== undefined) await this.#act('cancel', ...oldest);
  }

  #wish({ offerId, kind, units }: Sold): Request {
    const { name, random } = this.#options;
    this.#orders += 1;
    const key = `${name}-${this.#orders}`;
    const count = 1 + Math.floor(random() * 3);
    const first = Math.floor(random() * Math.max(1, units - count));
    const json = {
      offerId,
      ...(kind === 'nights' ? { from: nightAt(first), to: nightAt(first + count) } : {}),
      ...(kind === 'seats' ? { seats: Array.from({ length: count }, (_, at) => `A${first + at + 1}`) } : {}),
      ...(kind === 'pool' ? { quantity: count === 3 ? 2 : 1 } : {}),
    };
    return { wish: 'order', offerId, key, path: 'orders', json };
  }

  #request(wish: Wish, { offerId, key }: Pick<Request, 'offerId' | 'key'>, { orderId }: ToldOrder): Request {
    const path = wish === 'read' ? `orders/${orderId}` : `orders/${orderId}/${wish}`;
    return { wish, offerId, key, orderId, path };
  }

  #act(wish: Wish, order: Pick<Request, 'offerId' | 'key'>, told: ToldOrder): Promise<Call | undefined> {
    return this.#insist(this.#request(wish, order, told));
  }

  #onceOrTwice(request: Request, twice: number): Promise<readonly (Call | undefined)[]> {
    const times = this.#options.random() < twice ? 2 : 1;
    return Promise.all(Array.from({ length: times }, () => this.#insist(request)));
  }

  /** The first answer that is not "later"; undefined when none came in time. A payment may stay unknown. */
  async #insist(request: Request): Promise<Call | undefined> {
    const deadline = Date.now() + insistForMs;
    for (let unknown = 0; Date.now() < deadline; ) {
      const answer = await this.#ask(request);
      const { status } = answer;
      if (status === 202 && request.wish === 'pay') unknown += 1;
      const isLater = status === undefined || status === 503 || (status === 202 && request.wish === 'pay');
      if (!isLater || unknown > 5) return answer;
      await delay(50 + Math.floor(this.#options.random() * 150));
    }
    return undefined;
  }

  #ask(request: Request): Promise<Call> {
    const { name, token, services, random, calls } = this.#options;
    return askAndNote({ name, token, calls, service: pick(random, services()) }, request);
  }
}

function weighted(offers: readonly Sold[], random: () => number): Sold {
  let drawn = random() * offers.reduce((sum, { weight }) => sum + weight, 0);
  const found = offers.find(({ weight }) => {
    drawn -= weight;
    return drawn < 0;
  });
  return found ?? (offers[0] as Sold);
}
