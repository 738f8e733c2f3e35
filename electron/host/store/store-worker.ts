/** The worker thread that owns the database: every wait for the disk or for another process's lock happens here. */
import { parentPort } from 'node:worker_threads';
import type { DatabaseSync } from 'node:sqlite';
import { LabError } from '../../contract/errors.ts';
import { serve } from '../../contract/rpc.ts';
import { Connection } from './connection.ts';
import { maintain } from './maintenance.ts';
import { openDatabase } from './open-database.ts';
import { openOrRecover } from './recovery.ts';
import { statementError } from './sqlite-errors.ts';
import { storeContract, type DatabasePlace } from './store-contract.ts';
import { workerPort } from './worker-port.ts';

let connection: Connection | null = null;

function open(place: DatabasePlace, database: DatabaseSync): void {
  if (connection) throw new LabError('internal', 'The store is open already.');
  connection = new Connection(place, database);
}

/** What a person can do about it. */
async function orStatementError<T>(place: DatabasePlace, opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    throw statementError(error, place.file);
  }
}

if (parentPort) {
  serve(workerPort(parentPort), storeContract, {
    async open(place) {
      open(place, await orStatementError(place, openDatabase(place.file, place.backups)));
      return null;
    },
    async openOwned(place) {
      const { database, recovery } = await orStatementError(place, openOrRecover(place));
      open(place, database);
      return recovery;
    },
    async execute(statements) {
      if (!connection) throw new LabError('internal', 'The store is not open.');
      return connection.execute(statements);
    },
    async maintain({ file, backups }) {
      const database = await openDatabase(file, backups);
      try {
        await maintain(database, backups);
      } finally {
        database.close();
      }
      return null;
    },
    async close() {
      await connection?.close();
      connection = null;
      return null;
    },
  });
}
