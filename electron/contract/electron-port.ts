import type { Port } from './port.ts';

/** What Electron's MessagePortMain and a utility process's port to its parent have in common. */
export interface ElectronPort {
  postMessage(value: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  start(): void;
  close(): void;
}

/** `process.parentPort` of a utility process. */
export interface UtilityParentPort {
  postMessage(value: unknown): void;
  on(
    event: 'message',
    listener: (event: { readonly data: unknown; readonly ports: readonly ElectronPort[] }) => void,
  ): unknown;
}

/** The channel to the shell in a utility process of Electron; null in any other process. */
export function utilityParentPort(process: object): UtilityParentPort | null {
  return (process as { parentPort?: UtilityParentPort }).parentPort ?? null;
}

/** Either end of a channel of Electron. Messages wait until the first listener has come. */
export function electronPort(end: ElectronPort): Port {
  const closeListeners: (() => void)[] = [];
  let isClosed = false;
  const tellClosed = () => {
    if (isClosed) return;
    isClosed = true;
    for (const listener of closeListeners) listener();
  };
  end.on('close', tellClosed);
  return {
    postMessage(value) {
      if (!isClosed) end.postMessage(value);
    },
    onMessage(listener) {
      end.on('message', ({ data }) => listener(data));
      end.start();
    },
    onClose(listener) {
      if (isClosed) void Promise.resolve().then(() => listener());
      else closeListeners.push(listener);
    },
    close() {
      end.close();
      tellClosed();
    },
  };
}
