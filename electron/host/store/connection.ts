/** The open database of a worker: its statements, prepared once, and what is done where one fails. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { rebuildTextIndexes } from './maintenance.ts';
import { openDatabase } from './open-database.ts';
import { isDiskFailure, isIndexDamage, statementError } from './sqlite-errors.ts';
import type { DatabasePlace, Row, Statement } from './store-contract.ts';

const mostPrepared = 200;

export class Connection {
  readonly #place: DatabasePlace;
  readonly #prepared = new Map<string, StatementSync>();
  #database: Promise<DatabaseSync> | null;

  constructor(place: DatabasePlace, database: DatabaseSync) {
    this.#place = place;
    this.#database = Promise.resolve(database);
  }

  /** Runs all statements in one transaction. Throws LabErrors that say what a person can do. */
  async execute(statements: readonly Statement[]): Promise<Row[][]> {
    const database = await this.#open();
    try {
      return this.#run(database, statements);
    } catch (error) {
      if (isIndexDamage(error)) return this.#runWithNewIndexes(database, statements);
      // What a failed disk left in memory is not to be believed: the next call opens the file again and checks it.
      if (isDiskFailure(error)) await this.close().catch(() => undefined);
      throw statementError(error, this.#place.file);
    }
  }

  async close(): Promise<void> {
    const opened = this.#database;
    this.#database = null;
    this.#prepared.clear();
    (await opened?.catch(() => null))?.close();
  }

  async #open(): Promise<DatabaseSync> {
    this.#database ??= openDatabase(this.#place.file, this.#place.backups);
    try {
      return await this.#database;
    } catch (error) {
      this.#database = null;
      throw statementError(error, this.#place.file);
    }
  }

  /** One statement is a transaction by itself: a query alone takes no lock that writers need. */
  #run(database: DatabaseSync, statements: readonly Statement[]): Row[][] {
    if (statements.length === 1) return statements.map((statement) => this.#rows(database, statement));
    database.exec('BEGIN IMMEDIATE');
    try {
      const rows = statements.map((statement) => this.#rows(database, statement));
      database.exec('COMMIT');
      return rows;
    } catch (error) {
      // A full disk ends the transaction by itself.
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }

  #runWithNewIndexes(database: DatabaseSync, statements: readonly Statement[]): Row[][] {
    try {
      rebuildTextIndexes(database);
      return this.#run(database, statements);
    } catch (error) {
      throw statementError(error, this.#place.file);
    }
  }

  #rows(database: DatabaseSync, { sql, parameters }: Statement): Row[] {
    const found = this.#prepare(database, sql).all(...parameters);
    return found.map((row) => ({ ...row }) as Row);
  }

  #prepare(database: DatabaseSync, sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known) return known;
    if (this.#prepared.size >= mostPrepared) this.#prepared.clear();
    const statement = database.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }
}
