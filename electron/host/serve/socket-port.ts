import { WebSocket, type RawData } from 'ws';
import type { Port } from '../../contract/port.ts';

/** The host's end of a page's WebSocket: one JSON text for each message. What is no JSON ends the connection: no page sends such. */
export function socketPort(socket: WebSocket): Port {
  const messageListeners: ((value: unknown) => void)[] = [];
  const receive = (data: RawData, isBinary: boolean) => {
    const value = isBinary ? undefined : parseJson(data);
    if (value === undefined) return socket.close(unsupportedData, 'A message is one JSON text.');
    for (const listener of messageListeners) listener(value);
  };
  socket.on('message', receive);
  return {
    postMessage(value) {
      const text = JSON.stringify(value);
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    onMessage: (listener) => void messageListeners.push(listener),
    onClose(listener) {
      if (socket.readyState === WebSocket.CLOSED) queueMicrotask(listener);
      else socket.once('close', () => listener());
    },
    close: () => socket.close(),
  };
}

/** WebSocket's own code for data of a kind that is not taken. */
const unsupportedData = 1003;

/** Undefined where it is none. */
export function parseJson(data: RawData): unknown {
  try {
    return JSON.parse((data as Buffer).toString());
  } catch {
    return undefined;
  }
}
