import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly license?: string }>>;
}

describe('third-party notices', () => {
  const lockfile = JSON.parse(read('package-lock.json')) as Lockfile;
  const installed = Object.entries(lockfile.packages)
    .filter(([path, entry]) => path !== '' && !entry.dev)
    .map(([path, entry]) => ({ name: path.replace(/^.*node_modules\//, ''), license: entry.license ?? '' }));
  const listed = new Map(
    [...read('THIRD-PARTY-NOTICES.md').matchAll(/^\| ([@\w/.-]+) \| (.+) \|$/gm)]
      .map((match) => [match[1]!, match[2]!] as const)
      .filter(([name]) => name !== 'package'),
  );

  it('name every package that a user installs, with its licence', () => {
    const missing = installed.filter(
      ({ name, license }) => listed.get(name) !== license.replace(/^\((.*)\)$/, '$1'),
    );
    expect(missing).toEqual([]);
  });

  it('name no package that is not installed', () => {
    const names = new Set(installed.map(({ name }) => name));
    expect([...listed.keys()].filter((name) => !names.has(name))).toEqual([]);
  });
});
