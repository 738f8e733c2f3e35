import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');

/** Packages that files of renderer/ import by name. */
function packagesOfPages(): string[] {
  const folder = fileURLToPath(new URL('../../renderer', import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(tsx?|css)$/.test(name),
  );
  const imports = files.flatMap((name) => [
    ...readFileSync(join(folder, name), 'utf8').matchAll(
      /(?:from|import\(|@import|^import) ?['"]((?:@[\w-]+\/)?[a-z][\w-]*)(?:\/[^'"]*)?['"]/gm,
    ),
  ]);
  return [...new Set(imports.map(([, name = '']) => name))].sort();
}

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

  it('name every package whose code is in the pages, with its licence', () => {
    const bundled = new Map(
      [...read('THIRD-PARTY-NOTICES.md').matchAll(/^- ([@\w/.-]+): (.+)$/gm)].map(
        (match) => [match[1] ?? '', match[2] ?? ''] as const,
      ),
    );
    const imported = packagesOfPages();
    expect(imported).toContain('react');
    const wrong = imported.filter(
      (name) => bundled.get(name) !== lockfile.packages[`node_modules/${name}`]?.license,
    );
    expect(wrong).toEqual([]);
  });

  it('name no package that is not installed', () => {
    const names = new Set(installed.map(({ name }) => name));
    expect([...listed.keys()].filter((name) => !names.has(name))).toEqual([]);
  });
});
