/** The database of the data folder. Opened at its first use, in a worker thread; several processes may use one folder. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { connect } from '../../contract/rpc-client.ts';
import { storeContract, type Row, type SqlValue, type Statement } from './store-contract.ts';
import { workerPort } from './worker-port.ts';

export interface Store {
  /** Rows of one statement, committed and on disk when the promise resolves. */
  run(sql: string, ...parameters: SqlValue[]): Promise<Row[]>;
  /** Several statements in one transaction. */
  transaction(statements: readonly Statement[]): Promise<Row[][]>;
  close(): Promise<void>;
}

export function openStore(home: string): Store {
  let opening: ReturnType<typeof startWorker> | null = null;
  const opened = () => (opening ??= startWorker(home));
  const transaction = async (statements: readonly Statement[]) =>
    (await opened()).client.execute([...statements]);
  return {
    transaction,
    async run(sql, ...parameters) {
      return (await transaction([{ sql, parameters }]))[0] ?? [];
    },
    async close() {
      const started = await opening?.catch(() => null);
      if (!started) return;
      await started.client.close(null);
      await started.worker.terminate();
    },
  };
}

async function startWorker(home: string) {
  const worker = new Worker(new URL('./store-worker.ts', import.meta.url), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const client = connect(workerPort(worker), storeContract);
  try {
    await client.open({ file: join(home, 'retort.db'), backups: join(home, 'backups') });
    return { worker, client };
  } catch (error) {
    await worker.terminate();
    throw error;
  }
}
