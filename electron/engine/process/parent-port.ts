import type { Port } from '../../contract/port.ts';

/** The channel to the process that forked this one. */
export function parentPort(): Port {
  return {
    postMessage(value) {
      if (process.connected) process.send?.(value, undefined, undefined, () => undefined);
    },
    onMessage: (listener) => void process.on('message', listener),
    onClose: (listener) => void process.on('disconnect', () => listener()),
    close: () => process.disconnect?.(),
  };
}
