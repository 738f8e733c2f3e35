/**
 * Ends this process when its parent is gone, also while the main thread is stuck in a template, a pattern or a long native call
 * and cannot hear that the channel closed: the same file, as a worker thread, compares the parent's id once a second.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const intervalMs = 1000;

/** Starts the watch and waits until it runs, so that its memory is there from the beginning. The worker does not keep the process alive. */
export async function watchParent(): Promise<void> {
  process.on('disconnect', () => process.exit(0));
  const worker = new Worker(new URL(import.meta.url), { workerData: { parent: process.ppid } });
  await once(worker, 'message');
  worker.unref();
}

if (!isMainThread) {
  const { parent } = workerData as { parent: number };
  parentPort?.postMessage('watching');
  setInterval(() => {
    // SIGKILL: an exit handler would need the main thread.
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  }, intervalMs);
}
