/** The port to the host in Electron: a MessagePort that the preload passes on as a window message. */
import type { Port } from '../../electron/contract/port.ts';
import { portClosedMessage, portMessage, type Shell } from '../../electron/contract/shell.ts';

function messagePort(port: MessagePort): Port {
  const closeListeners: (() => void)[] = [];
  const open = new AbortController();
  const tellClosed = () => {
    if (open.signal.aborted) return;
    open.abort();
    for (const listener of closeListeners) listener();
  };
  // A port does not tell by itself, in every version of the page's engine, that its other end is gone: the preload does.
  window.addEventListener(
    'message',
    (event) => {
      if (event.source === window && event.data === portClosedMessage) tellClosed();
    },
    { signal: open.signal },
  );
  port.start();
  return {
    postMessage: (value) => port.postMessage(value),
    onMessage: (listener) => port.addEventListener('message', (event) => listener(event.data)),
    onClose(listener) {
      if (open.signal.aborted) setTimeout(listener, 0);
      else closeListeners.push(listener);
    },
    close() {
      port.close();
      tellClosed();
    },
  };
}

/** The shell answers at once or not at all: it does not know yet, or no longer, the page that asked. */
const answerLimitMs = 2000;
let lastRequest = 0;

/** Asks the shell for a port and waits until it comes. Rejects where it does not, so that the caller asks again. */
export function openMessagePort(shell: Shell, signal: AbortSignal): Promise<Port> {
  // A port that comes late was asked for by a call that gave up: the shell has closed it.
  const request = ++lastRequest;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(new Error('The shell handed over no port.'));
    }, answerLimitMs);
    const stop = () => {
      clearTimeout(timer);
      window.removeEventListener('message', receive);
      signal.removeEventListener('abort', giveUp);
    };
    const giveUp = () => {
      stop();
      reject(signal.reason as Error);
    };
    const receive = (event: MessageEvent) => {
      const [port] = event.ports;
      if (event.source !== window || event.data !== portMessage(request) || !port) return;
      stop();
      resolve(messagePort(port));
    };
    signal.addEventListener('abort', giveUp);
    window.addEventListener('message', receive);
    shell.connect(request);
  });
}
