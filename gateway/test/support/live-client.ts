import type { ServerMessage } from '@ropeline/core/protocol/live.ts';
import { WebSocket } from 'ws';
import { cleanedUp } from '../../../testing/scope.ts';
import { until } from '../../../testing/until.ts';

export type LiveClient = {
  readonly messages: ServerMessage[];
  readonly socket: WebSocket;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** The first message of a type, as soon as it is there. */
  first<T extends ServerMessage['type']>(type: T): Promise<Extract<ServerMessage, { type: T }>>;
};

/** A client of `ropeline.v1`; the ticket goes as a subprotocol, as from a browser without cookies. */
export function openLive(
  origin: string,
  room: string,
  ticket?: string,
  headers: Record<string, string> = {},
): LiveClient {
  const protocols = ['ropeline.v1', ...(ticket === undefined ? [] : [`ropeline.ticket.${ticket}`])];
  const url = `${origin.replace('http', 'ws')}/_ropeline/rooms/${room}/live`;
  const socket = new WebSocket(url, protocols, { headers, perMessageDeflate: false });
  const messages: ServerMessage[] = [];
  socket.on('message', (data) => messages.push(JSON.parse(String(data)) as ServerMessage));
  socket.on('error', () => undefined);
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
  });
  const client: LiveClient = {
    messages,
    socket,
    closed,
    first: (type) =>
      until(
        () =>
          messages.find((message) => message.type === type) as Extract<ServerMessage, { type: typeof type }>,
      ),
  };
  return cleanedUp(client, () => socket.terminate());
}
