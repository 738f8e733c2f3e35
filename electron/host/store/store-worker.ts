/** The worker thread that owns the database: every wait for the disk or for another process's lock happens here. */
import { parentPort } from 'node:worker_threads';
import type { DatabaseSync } from 'node:sqlite';
import { LabError } from '../../contract/errors.ts';
import { serve } from '../../contract/rpc.ts';
import { openDatabase } from './open-database.ts';
import { storeContract, type Row, type Statement } from './store-contract.ts';
import { workerPort } from './worker-port.ts';

let database: DatabaseSync | null = null;

function execute(statements: readonly Statement[]): Row[][] {
  if (!database) throw new LabError('internal', 'The store is not open.');
  database.exec('BEGIN IMMEDIATE');
  try {
    const rows = statements.map(({ sql, parameters }) => {
      const found = database?.prepare(sql).all(...parameters) ?? [];
      return found.map((row) => ({ ...row }) as Row);
    });
    database.exec('COMMIT');
    return rows;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

if (parentPort) {
  serve(workerPort(parentPort), storeContract, {
    async open({ file, backups }) {
      database ??= await openDatabase(file, backups);
      return null;
    },
    execute: (statements) => Promise.resolve().then(() => execute(statements)),
    close() {
      database?.close();
      database = null;
      return Promise.resolve(null);
    },
  });
}
