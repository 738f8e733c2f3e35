/** The port to the host in a browser: a WebSocket, greeted with the link's single-use code or the key that was traded for it. */
import { z } from 'zod';
import { codeFragment, socketPath, type BrowserGreeting } from '../../electron/contract/shell.ts';
import type { Port } from '../../electron/contract/port.ts';
import { ConnectionRefused } from './connection-refused.ts';

const keyName = 'retort:key';
const Welcome = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('welcome'), key: z.string() }),
  z.strictObject({ type: z.literal('refused'), reason: z.string() }),
]);

/** The code of the address bar is used up by this; the key lives as long as the tab. */
function takeGreeting(): BrowserGreeting {
  const { hash, pathname, search } = window.location;
  if (hash.startsWith(`#${codeFragment}`)) {
    window.history.replaceState(null, '', pathname + search);
    return { type: 'code', code: hash.slice(codeFragment.length + 1) };
  }
  const key = sessionStorage.getItem(keyName);
  if (key !== null) return { type: 'key', key };
  throw new ConnectionRefused(
    'This page needs a link of its own. Press Enter in the terminal where Retort runs, and open the link that it prints.',
  );
}

/** A new link that is opened in this tab changes the address alone: loading it again takes its code. */
window.addEventListener('hashchange', () => {
  if (window.location.hash.startsWith(`#${codeFragment}`)) window.location.reload();
});

export function openWebSocket(signal: AbortSignal): Promise<Port> {
  const greeting = takeGreeting();
  const { protocol, host } = window.location;
  const socket = new WebSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}${socketPath}`);
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => {
      socket.close();
      reject(signal.reason as Error);
    });
    socket.addEventListener('close', () => reject(new Error('Retort does not answer.')), { once: true });
    socket.addEventListener('open', () => socket.send(JSON.stringify(greeting)), { once: true });
    const receiveWelcome = (event: MessageEvent) => {
      socket.removeEventListener('message', receiveWelcome);
      const welcome = Welcome.parse(JSON.parse(String(event.data)));
      if (welcome.type === 'refused') {
        sessionStorage.removeItem(keyName);
        reject(new ConnectionRefused(welcome.reason));
        socket.close();
        return;
      }
      sessionStorage.setItem(keyName, welcome.key);
      resolve(webSocketPort(socket));
    };
    socket.addEventListener('message', receiveWelcome);
  });
}

function webSocketPort(socket: WebSocket): Port {
  return {
    postMessage(value) {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(value));
    },
    onMessage(listener) {
      socket.addEventListener('message', (event) => listener(JSON.parse(String(event.data))));
    },
    onClose(listener) {
      if (socket.readyState >= WebSocket.CLOSING) setTimeout(listener, 0);
      else socket.addEventListener('close', (event) => listener(event.reason || undefined), { once: true });
    },
    close: () => socket.close(),
  };
}
