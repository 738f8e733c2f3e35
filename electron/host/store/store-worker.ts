/** The worker thread that owns the database: every wait for the disk or for another process's lock happens here. */
import { parentPort } from 'node:worker_threads';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { LabError } from '../../contract/errors.ts';
import { serve } from '../../contract/rpc.ts';
import { openDatabase } from './open-database.ts';
import { storeContract, type Row, type Statement } from './store-contract.ts';
import { workerPort } from './worker-port.ts';

const mostPrepared = 200;

let database: DatabaseSync | null = null;
const prepared = new Map<string, StatementSync>();

function prepare(open: DatabaseSync, sql: string): StatementSync {
  const known = prepared.get(sql);
  if (known) return known;
  if (prepared.size >= mostPrepared) prepared.clear();
  const statement = open.prepare(sql);
  prepared.set(sql, statement);
  return statement;
}

function run(open: DatabaseSync, { sql, parameters }: Statement): Row[] {
  const found = prepare(open, sql).all(...parameters);
  return found.map((row) => ({ ...row }) as Row);
}

/** One statement is a transaction by itself: a query alone takes no lock that writers need. */
function execute(statements: readonly Statement[]): Row[][] {
  const open = database;
  if (!open) throw new LabError('internal', 'The store is not open.');
  if (statements.length === 1) return statements.map((statement) => run(open, statement));
  open.exec('BEGIN IMMEDIATE');
  try {
    const rows = statements.map((statement) => run(open, statement));
    open.exec('COMMIT');
    return rows;
  } catch (error) {
    // A full disk ends the transaction by itself.
    if (open.isTransaction) open.exec('ROLLBACK');
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
      prepared.clear();
      database?.close();
      database = null;
      return Promise.resolve(null);
    },
  });
}
