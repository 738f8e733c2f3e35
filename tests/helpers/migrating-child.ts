/**
 * `node migrating-child.ts FILE BACKUPS MOMENT`: brings the database to the newest schema and kills itself before statement number MOMENT, each
 * statement of a migration counted. Says how many there were where it comes to the end.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { openDatabase } from '../../electron/host/store/open-database.ts';

const [file = '', backups = '', moment = ''] = process.argv.slice(2);
let count = 0;

function tick(): void {
  if (count++ === Number(moment)) process.kill(process.pid, 'SIGKILL');
}

/** Statements of the schema begin two spaces in; those inside a trigger further. */
function statementsOf(sql: string): string[] {
  return sql.split(/(?<=;)\n(?= {2}(?!END;)\S)/).filter((statement) => statement.trim() !== '');
}

const methods = Object.getOwnPropertyDescriptors(DatabaseSync.prototype);
const exec = methods.exec.value as (this: DatabaseSync, sql: string) => void;
const prepare = methods.prepare.value as (this: DatabaseSync, sql: string) => StatementSync;
DatabaseSync.prototype.exec = function (sql) {
  for (const statement of statementsOf(sql)) {
    tick();
    exec.call(this, statement);
  }
};
DatabaseSync.prototype.prepare = function (sql) {
  tick();
  return prepare.call(this, sql);
};

(await openDatabase(file, backups)).close();
process.stdout.write(String(count));
