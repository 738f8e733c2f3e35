import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { openDatabase } from '../../electron/host/store/open-database.ts';
import { openStore, type Store } from '../../electron/host/store/store.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

function open(home: string): Store {
  const store = openStore(home);
  onTestFinished(() => store.close());
  return store;
}

const insert = (id: string) => ({
  sql: `INSERT INTO runs (id, at, kind, model_name, engine, arithmetic, record) VALUES (?, 1, 'bench', 'm', 'onnx', 'fast', '{}')`,
  parameters: [id],
});

test('what was written is there after closing and opening again', async () => {
  const home = temporaryFolder();
  const first = openStore(home);
  await first.transaction([insert('one')]);
  await first.close();
  expect(await open(home).run('SELECT id FROM runs')).toEqual([{ id: 'one' }]);
});

test('a transaction of which one statement fails changes nothing', async () => {
  const store = open(temporaryFolder());
  await expect(store.transaction([insert('one'), insert('one')])).rejects.toThrow('UNIQUE');
  expect(await store.run('SELECT id FROM runs')).toEqual([]);
});

test('the database is in WAL mode with full synchronisation and foreign keys', async () => {
  const store = open(temporaryFolder());
  expect(await store.run('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
  expect(await store.run('PRAGMA synchronous')).toEqual([{ synchronous: 2 }]);
  expect(await store.run('PRAGMA foreign_keys')).toEqual([{ foreign_keys: 1 }]);
});

test('a data folder that nothing used yet is not created by opening a store', async () => {
  const home = join(temporaryFolder(), 'unused');
  await openStore(home).close();
  expect(() => readdirSync(home)).toThrow('ENOENT');
});

test('a database of an older schema is backed up before it is migrated, and three backups are kept', async () => {
  const home = temporaryFolder();
  const [file, backups] = [join(home, 'retort.db'), join(home, 'backups')];
  const steps = ['CREATE TABLE kept (value TEXT)'];
  for (let version = 1; version <= 6; version++) {
    const database = await openDatabase(file, backups, steps);
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: version });
    database.exec(`INSERT INTO kept VALUES ('${version}')`);
    database.close();
    steps.push(`CREATE TABLE more${version} (value TEXT)`);
  }
  const names = readdirSync(backups).sort();
  expect(names.map((name) => name.slice(0, 8))).toEqual(['schema-3', 'schema-4', 'schema-5']);
  const backup = new DatabaseSync(join(backups, names[2] ?? ''), { readOnly: true });
  onTestFinished(() => backup.close());
  expect(backup.prepare('SELECT count(*) AS rows FROM kept').get()).toEqual({ rows: 5 });
});

test('a migration that fails leaves the older schema and all rows', async () => {
  const home = temporaryFolder();
  const [file, backups] = [join(home, 'retort.db'), join(home, 'backups')];
  const first = ['CREATE TABLE kept (value TEXT)'];
  const before = await openDatabase(file, backups, first);
  before.exec(`INSERT INTO kept VALUES ('yes')`);
  before.close();
  const broken = [...first, 'CREATE TABLE half (value TEXT)', 'CREATE TABLE kept (value TEXT)'];
  await expect(openDatabase(file, backups, broken)).rejects.toThrow('already exists');
  const after = await openDatabase(file, backups, first);
  onTestFinished(() => after.close());
  expect(after.prepare('SELECT value FROM kept').all()).toEqual([{ value: 'yes' }]);
  expect(() => after.prepare('SELECT * FROM half')).toThrow('no such table');
});

test('a database of a newer Retort is refused and left as it is', async () => {
  const home = temporaryFolder();
  const file = join(home, 'retort.db');
  const newer = new DatabaseSync(file);
  newer.exec('PRAGMA user_version = 999');
  newer.close();
  await expect(open(home).run('SELECT 1')).rejects.toMatchObject({ code: 'bad-file' });
  const after = new DatabaseSync(file, { readOnly: true });
  onTestFinished(() => after.close());
  expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 999 });
});

test('a damaged database is an error that names the file, never an empty list', async () => {
  const home = temporaryFolder();
  const file = join(home, 'retort.db');
  writeFileSync(file, 'this is no database, but it is long enough to be read as a header of one'.repeat(20));
  const before = readFileSync(file);
  await expect(open(home).run('SELECT * FROM runs')).rejects.toMatchObject({
    code: 'bad-file',
    detail: { file: 'retort.db' },
  });
  expect(readFileSync(file)).toEqual(before);
});

test('a data folder that cannot be made is a coded error', async () => {
  const home = temporaryFolder();
  writeFileSync(join(home, 'file'), '');
  await expect(open(join(home, 'file', 'below')).run('SELECT 1')).rejects.toMatchObject({
    code: expect.any(String) as string,
  });
});

const writer = fileURLToPath(new URL('../helpers/store-writer.ts', import.meta.url));

test('four processes that create and fill one database at once lose nothing', async () => {
  const home = temporaryFolder();
  mkdirSync(home, { recursive: true });
  const children = ['a', 'b', 'c', 'd'].map((name) => fork(writer, [home, name, '25'], { execArgv: [] }));
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number));
  expect(codes).toEqual([0, 0, 0, 0]);
  expect(await open(home).run('SELECT count(*) AS runs FROM runs')).toEqual([{ runs: 100 }]);
}, 60_000);

test('rows acknowledged before kill -9 are all there afterwards', async () => {
  const home = temporaryFolder();
  for (let round = 0; round < 5; round++) {
    const child = fork(writer, [home, `round${round}-`, '100000'], { execArgv: [] });
    const acknowledged: string[] = [];
    child.on('message', (id: string) => {
      acknowledged.push(id);
      if (acknowledged.length === 5 + round) child.kill('SIGKILL');
    });
    await once(child, 'exit');
    const rows = await open(home).run('SELECT id FROM runs WHERE id LIKE ?', `round${round}-%`);
    const ids = new Set(rows.map((row) => row['id']));
    expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
    expect(acknowledged.length).toBeGreaterThanOrEqual(5);
  }
}, 60_000);
