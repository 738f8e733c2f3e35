/**
 * Ends this process when its parent is gone, also while the main thread is stuck in a template, a pattern or a long native call
 * and cannot hear that the channel closed: the same file, as a worker thread, compares the parent's id once a second.
 */
import { Worker, isMainThread, workerData } from 'node:worker_threads';

const intervalMs = 1000;

/** Starts the watch. The worker does not keep the process alive. */
export function watchParent(): void {
  process.on('disconnect', () => process.exit(0));
  new Worker(new URL(import.meta.url), { workerData: { parent: process.ppid } }).unref();
}

if (!isMainThread) {
  const { parent } = workerData as { parent: number };
  setInterval(() => {
    // SIGKILL: an exit handler would need the main thread.
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  }, intervalMs);
}
