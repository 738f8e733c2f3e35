import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** The engine itself, its one user, and this file. */
const allowed = [/^tests\/helpers\/replay\//, /^tests\/reach\//, /^tests\/project\/replay-engine\.test\.ts$/];

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((name) => /\.(m?[jt]sx?)$/.test(name));
}

test('only the measurements of tests/reach use the engine that plays a recording', () => {
  const files = ['tests', 'electron', 'renderer', 'scripts', 'bin'].flatMap(sources);
  const users = files.filter((name) =>
    /helpers\/replay|replay-(serve|engine|process)|RETORT_REPLAY/.test(
      readFileSync(join(root, name), 'utf8'),
    ),
  );
  const strangers = users.filter((name) => !allowed.some((pattern) => pattern.test(name)));
  expect(strangers).toEqual([]);
  expect(users.some((name) => name.startsWith('tests/reach/'))).toBe(true);
});
