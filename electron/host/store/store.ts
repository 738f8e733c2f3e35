/** The database of the data folder, in a worker thread; several processes may use one folder. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { connect } from '../../contract/rpc-client.ts';
import {
  storeContract,
  type DatabasePlace,
  type Row,
  type SqlValue,
  type Statement,
} from './store-contract.ts';
import { workerPort } from './worker-port.ts';

export interface Store {
  /** Rows of one statement, committed and on disk when the promise resolves. */
  run(sql: string, ...parameters: SqlValue[]): Promise<Row[]>;
  /** Several statements in one transaction. */
  transaction(statements: readonly Statement[]): Promise<Row[][]>;
  close(): Promise<void>;
}

/** Opened at its first use. A damaged database is refused and left as it is. */
export function openStore(home: string): Store {
  let opening: Promise<StoreWorker> | null = null;
  const opened = () => {
    const current = (opening ??= openWorker(home));
    // What kept it from opening may be gone at the next try.
    current.catch(() => (opening = null));
    return current;
  };
  return {
    ...queriesOf(opened),
    async close() {
      await (await opening?.catch(() => null))?.close();
    },
  };
}

async function openWorker(home: string): Promise<StoreWorker> {
  const worker = startStoreWorker();
  try {
    await worker.client.open(placeIn(home));
    return worker;
  } catch (error) {
    await worker.close();
    throw error;
  }
}

export function placeIn(home: string): DatabasePlace {
  return { file: join(home, 'retort.db'), backups: join(home, 'backups') };
}

export type StoreWorker = ReturnType<typeof startStoreWorker>;

export function startStoreWorker() {
  const worker = new Worker(new URL('./store-worker.ts', import.meta.url), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const client = connect(workerPort(worker), storeContract);
  return {
    client,
    async close(): Promise<void> {
      await client.close(null).catch(() => undefined);
      await worker.terminate();
    },
  };
}

export function queriesOf(opened: () => Promise<StoreWorker>): Pick<Store, 'run' | 'transaction'> {
  const transaction = async (statements: readonly Statement[]) => (await opened()).client.execute(statements);
  return {
    transaction,
    async run(sql, ...parameters) {
      return (await transaction([{ sql, parameters }]))[0] ?? [];
    },
  };
}
