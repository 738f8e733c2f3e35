import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { listBackups } from '../../../electron/host/store/backups.ts';
import { migrations } from '../../../electron/host/store/migrations.ts';
import { openDatabase, schemaVersion } from '../../../electron/host/store/open-database.ts';
import { temporaryFolder } from '../../helpers/test-host.ts';

const child = fileURLToPath(new URL('../../helpers/migrating-child.ts', import.meta.url));

/** A database of schema `version` with rows in every table that it has. */
async function fixtureOf(version: number, folder: string): Promise<string> {
  const file = join(folder, 'retort.db');
  const database = await openDatabase(file, join(folder, 'no-backups'), migrations.slice(0, version));
  database.exec(`
    INSERT INTO models VALUES ('tiny', 'Tiny', '/models/tiny', 'gguf', 'llama', 5, 1);
    INSERT INTO jobs VALUES ('j1', 'bench', 'x', 'done', '', 1, 1, NULL, '1:1', 0, 1, 2);
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 500)
      INSERT INTO runs SELECT 'r' || n, n, 'bench', 'tiny', 'native', 'fast', '{}' FROM numbers;
  `);
  if (version >= 2) {
    database.exec(`
      INSERT INTO chats (id, title, has_own_title, is_pinned, created_at, changed_at, sampling, system_prompt, draft)
        VALUES ('c', 'Chat', 1, 0, 1, 1, '{}', '', '');
      INSERT INTO messages (id, chat_id, role, state, created_at, files, text) VALUES ('m', 'c', 'user', 'complete', 1, '[]', 'hello');
    `);
  }
  database.close();
  return file;
}

function tables(database: DatabaseSync): [string, object[]][] {
  const names = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%STRICT'`)
    .all();
  return names.map(({ name }) => [
    String(name),
    database.prepare(`SELECT * FROM ${String(name)}`).all() as object[],
  ]);
}

function migrate(file: string, backups: string, moment: number): { killed: boolean; statements: number } {
  const args = ['--disable-warning=ExperimentalWarning', child, file, backups, String(moment)];
  const { signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
  expect(stderr).toBe('');
  return { killed: signal === 'SIGKILL', statements: Number(stdout) };
}

const olderVersions = migrations.slice(0, -1).map((_, index) => index + 1);

test.each(olderVersions)(
  'a migration from schema %i that is killed before any of its statements ends whole at the next start',
  async (version) => {
    const folder = temporaryFolder();
    const fixture = await fixtureOf(version, folder);
    const before = new DatabaseSync(fixture, { readOnly: true });
    const rows = tables(before);
    before.close();
    const whole = join(folder, 'whole.db');
    copyFileSync(fixture, whole);
    const { statements } = migrate(whole, join(folder, 'whole-backups'), -1);
    expect(statements).toBeGreaterThan(10);
    let killed = 0;
    for (let moment = 0; moment < statements; moment++) {
      const file = join(folder, `${moment}.db`);
      const backups = join(folder, `backups-${moment}`);
      copyFileSync(fixture, file);
      if (migrate(file, backups, moment).killed) killed++;
      const database = await openDatabase(file, backups);
      expect(schemaVersion(database)).toBe(migrations.length);
      expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
      // Later schemas have more tables, and more columns.
      const now = new Map(tables(database));
      for (const [name, before] of rows) expect(now.get(name)).toMatchObject(before);
      database.close();
      for (const backup of await listBackups(backups)) {
        const copy = new DatabaseSync(backup.file, { readOnly: true });
        expect([schemaVersion(copy), tables(copy)]).toEqual([version, rows]);
        copy.close();
      }
    }
    console.log(
      `kill/host migration from schema ${version}: killed before each of ${killed} statements, 0 rows lost`,
    );
    expect(killed).toBe(statements);
  },
  300_000,
);
