/** The command line in a data folder that the tests of a file share, and the models that they ask. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { cli, type Finished } from './cli.ts';
import { goldenFolder, readGoldenJson, type TinyExpectation } from './golden.ts';

export const bundled = 'smollm2-135m-instruct';
export const llama = join(goldenFolder, 'tiny', 'llama');
export const golden = readGoldenJson<TinyExpectation>('tiny', 'llama', 'expected.json');
export const ids = golden.input_ids.join(',');

export interface CliHome {
  readonly path: string;
  readonly retort: (...args: string[]) => Promise<Finished>;
}

/** To be called once at the top of a file: one folder for its tests, so that the bundled model's graph is built once. */
export function useCliHome(): CliHome {
  let path = '';
  beforeAll(() => {
    path = mkdtempSync(join(tmpdir(), 'retort-cli-'));
  });
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return {
    get path() {
      return path;
    },
    retort: (...args) => cli(args, { home: path }),
  };
}

/** The one JSON object on stdout. */
export function json<T = Record<string, unknown>>({ stdout }: Finished): T {
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout) as T;
}
