/** The store of the process that owns the data folder: it may replace a damaged database, and looks after a sound one. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Notice } from '../../contract/page-contract.ts';
import { toLabError } from '../../contract/errors.ts';
import { noticeOf } from './recovery-notice.ts';
import { placeIn, queriesOf, startStoreWorker, type Store } from './store.ts';

/** After the first answers: the disk is theirs. */
const maintainAfterMs = 5000;

export interface OwnedStoreOptions {
  /** Says what a person must know. */
  readonly tell: (level: Notice['level'], message: string) => void;
  readonly maintainAfterMs?: number;
}

/**
 * Opens the database now. A damaged one is kept and replaced by what can be saved, and `tell` says so; a newer Retort's is refused. Only for the process
 * that holds ownChats.
 */
export async function openOwnedStore(home: string, options: OwnedStoreOptions): Promise<Store> {
  const worker = startStoreWorker();
  try {
    const recovery = await worker.client.openOwned(placeIn(home));
    const notice = recovery && noticeOf(recovery);
    if (notice) options.tell(notice.level, notice.message);
  } catch (error) {
    await worker.close();
    throw error;
  }
  const stop = new AbortController();
  const maintained = maintainLater(home, options, stop.signal);
  return {
    ...queriesOf(() => Promise.resolve(worker)),
    async close() {
      stop.abort();
      await maintained;
      await worker.close();
    },
  };
}

/** In a thread and over a connection of its own, so that no question waits for a backup. */
async function maintainLater(
  home: string,
  { tell, maintainAfterMs: delay = maintainAfterMs }: OwnedStoreOptions,
  signal: AbortSignal,
): Promise<void> {
  const isDue = await wait(delay, true, { signal, ref: false }).catch(() => false);
  if (!isDue) return;
  const worker = startStoreWorker();
  try {
    await worker.client.maintain(placeIn(home));
  } catch (error) {
    tell('warning', `Today’s backup of chats could not be made: ${toLabError(error).message}`);
  } finally {
    await worker.close();
  }
}
