import http from 'k6/http';
import { settings } from './settings.ts';

/** Sets the rate, the capacity and whether the room obeys the stock; then how many payments are declined. */
export function prepareRoom(): void {
  if (settings.variant !== 'direct') {
    patch(
      `${settings.control}/api/rooms/${settings.room}`,
      {
        admission: { ratePerMinute: settings.ratePerMinute, capacity: settings.capacity },
        stock: { follow: settings.variant === 'surge' },
      },
      { Authorization: `Bearer ${settings.operatorToken}` },
    );
  }
  declinePayments(settings.declineShare);
}

export function declinePayments(share: number): void {
  patch(`${settings.payment}/behaviour`, { declineShare: share }, {});
}

function patch(url: string, body: object, headers: Record<string, string>): void {
  const response = http.patch(url, JSON.stringify(body), {
    headers: { 'Content-Type': 'application/json', ...headers },
    responseType: 'text',
    tags: { name: 'set-up' },
  });
  if (response.status !== 200) {
    throw new Error(`PATCH ${url} answered ${response.status}: ${response.body ?? response.error}`);
  }
}
