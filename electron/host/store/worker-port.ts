import type { MessagePort, Worker } from 'node:worker_threads';
import type { Port } from '../../contract/port.ts';

/** Either end of a worker thread's channel. */
export function workerPort(end: Worker | MessagePort): Port {
  const closing = 'terminate' in end ? 'exit' : 'close';
  return {
    postMessage: (value) => end.postMessage(value),
    onMessage: (listener) => void end.on('message', listener),
    onClose: (listener) => void end.on(closing, () => listener('The store’s worker has ended.')),
    close: () => ('terminate' in end ? void end.terminate() : end.close()),
  };
}
