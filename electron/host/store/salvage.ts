/** Copies what can be read of a damaged database into a sound one, row by row. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { rebuildTextIndexes } from './maintenance.ts';

export interface Salvaged {
  readonly rows: number;
  /** Places where reading failed: what lay there is lost, how much cannot be told. */
  readonly gaps: number;
}

type Row = Record<string, SQLInputValue>;

/** Damage may make a row's number anything. */
const mostAskedFor = 5_000_000;

/** Rows that `to` has already are replaced. Both have the tables of some schema of ours; `to` the newest. */
export function salvage(from: DatabaseSync, to: DatabaseSync): Salvaged {
  const tables = to
    .prepare(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%STRICT' AND name NOT LIKE 'sqlite_%'`,
    )
    .all();
  let [rows, gaps] = [0, 0];
  to.exec('PRAGMA foreign_keys = OFF; BEGIN');
  const restoreTriggers = dropTriggers(to);
  for (const { name } of tables) {
    const copied = copyTable(String(name), from, to);
    rows += copied.rows;
    gaps += copied.gaps;
  }
  mend(to);
  restoreTriggers();
  // At once from the tables: several times faster than row by row.
  rebuildTextIndexes(to);
  to.exec('COMMIT; PRAGMA foreign_keys = ON');
  return { rows, gaps };
}

/** Counts and text indexes are made at the end. Returns how to have the triggers again. */
function dropTriggers(database: DatabaseSync): () => void {
  const triggers = database.prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'`).all();
  for (const { name } of triggers) database.exec(`DROP TRIGGER ${String(name)}`);
  return () => triggers.forEach(({ sql }) => database.exec(String(sql)));
}

function copyTable(table: string, from: DatabaseSync, to: DatabaseSync): Salvaged {
  const columns = sharedColumns(table, from, to);
  if (columns === null) return { rows: 0, gaps: 1 };
  if (columns.length === 0) return { rows: 0, gaps: 0 };
  const insert = to.prepare(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
     ON CONFLICT DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}`,
  );
  let [rows, gaps] = [0, 0];
  for (const row of readableRows(table, columns, from)) {
    // A row that damage made nonsense of breaks a rule of its table.
    const isKept =
      row !== null && succeeds(() => insert.run(...columns.map((column) => row[column] ?? null)));
    if (isKept) rows++;
    else gaps++;
  }
  return { rows, gaps };
}

/** None where an older schema has no such table; null where its schema cannot be read. */
function sharedColumns(table: string, from: DatabaseSync, to: DatabaseSync): string[] | null {
  const names = (database: DatabaseSync) =>
    database
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .map((column) => String(column['name']));
  try {
    const theirs = new Set(names(from));
    return names(to).filter((column) => theirs.has(column));
  } catch {
    return null;
  }
}

/**
 * Rows in order up to the first that cannot be read, then from the end back to the last that cannot; what lies between is asked for one by one. A
 * gap is null.
 */
function* readableRows(table: string, columns: readonly string[], from: DatabaseSync): Generator<Row | null> {
  const select = `SELECT rowid AS salvage_rowid, ${columns.join(', ')} FROM ${table}`;
  const forward = yield* readUntilFailure(from, `${select} ORDER BY rowid`);
  if (forward === 'all') return;
  yield null;
  const backward = yield* readUntilFailure(from, `${select} ORDER BY rowid DESC`);
  if (backward === 'all' || forward === null || backward === null) return;
  const one = from.prepare(`${select} WHERE rowid = ?`);
  const end = Math.min(backward, forward + mostAskedFor);
  for (let rowid = forward + 1; rowid < end; rowid++) {
    let row: Row | undefined;
    if (succeeds(() => (row = one.get(rowid) as Row | undefined)) && row) yield row;
  }
}

/** 'all', or the last rowid that could be read; null: not one. */
function* readUntilFailure(from: DatabaseSync, sql: string): Generator<Row, 'all' | number | null> {
  let last: number | null = null;
  try {
    for (const row of from.prepare(sql).iterate()) {
      last = Number(row['salvage_rowid']);
      yield row;
    }
    return 'all';
  } catch {
    return last;
  }
}

function succeeds(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

/** Makes a whole of what was copied: messages whose chat or parent is lost, counts, the branch that is shown. */
function mend(database: DatabaseSync): void {
  database.exec(`
    INSERT INTO chats (id, title, has_own_title, is_pinned, created_at, changed_at, sampling, system_prompt, draft)
      SELECT chat_id, 'Recovered chat', 1, 0, min(created_at), max(created_at), '{}', '', '' FROM messages
      WHERE chat_id NOT IN (SELECT id FROM chats) GROUP BY chat_id;
    UPDATE messages SET parent_id = NULL WHERE parent_id NOT IN (SELECT id FROM messages);
    UPDATE messages SET files = '[]' WHERE NOT json_valid(files);
    UPDATE messages SET reply = NULL WHERE NOT json_valid(reply);
    UPDATE chats SET sampling = '{}' WHERE NOT json_valid(sampling);
    DELETE FROM timelines WHERE message_id NOT IN (SELECT id FROM messages);
    UPDATE messages SET reply = json_set(reply, '$.hasTimeline', json('false'))
      WHERE json_valid(reply) AND id NOT IN (SELECT message_id FROM timelines) AND json_extract(reply, '$.hasTimeline');
    DELETE FROM job_parts WHERE job_id NOT IN (SELECT id FROM jobs);
    UPDATE chats SET message_count = (SELECT count(*) FROM messages WHERE chat_id = chats.id);
    UPDATE chats SET leaf_id = (SELECT id FROM messages WHERE chat_id = chats.id ORDER BY sequence DESC LIMIT 1)
      WHERE leaf_id NOT IN (SELECT id FROM messages WHERE chat_id = chats.id);
  `);
}
