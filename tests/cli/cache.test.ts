/** `retort cache` as a person types it: what a prompt's cache holds, saved and gone on from. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { CacheReport, ContinuedCache, SavedCache } from '../../electron/contract/kv-cache.ts';
import { cli, type Finished } from '../helpers/cli.ts';
import { goldenFolder } from '../helpers/golden.ts';

// Each command is a process that opens the model.
vi.setConfig({ testTimeout: 180_000 });

const bundled = 'smollm2-135m-instruct';
let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'retort-cli-cache-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const retort = (...args: string[]) => cli(args, { home });
const json = <T>({ stdout }: Finished): T => JSON.parse(stdout) as T;

test('report tells of a prompt part by part what its cache takes and gets of attention, and compares codecs', async () => {
  const file = join(home, 'question.txt');
  writeFileSync(file, 'Why is the sky blue?');
  const asked = ['cache', 'report', bundled, '--file', file, '--system', 'Be brief.'];
  const report = json<CacheReport>(await retort(...asked, '--kv-codec', 'q8', '--compare', '--json'));
  expect(report.parts.map(({ origin, tokens }) => [origin, tokens])).toEqual([
    ['system', 3],
    ['user', 6],
    ['template', 14],
  ]);
  expect(report).toMatchObject({ positions: 23, context: 8192, reusedTokens: 0 });
  expect(report.layers[0]?.codec).toBe('q8');
  expect(report.attention.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 4);
  expect(report.comparison?.codecs.map(({ codec }) => codec)).toEqual(['f16', 'q8']);
  const { stdout, code } = await retort(...asked);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^23 tokens of 8,192, 731.3 KiB\.\n30 layers × 3 KV heads × 64, f16/);
});

test('a saved cache is restored by another process and goes on with the tokens of an uninterrupted run', async () => {
  const text = 'The capital of France is';
  const tiny = ['--raw', '--context', '128'];
  const saved = json<SavedCache>(
    await retort('cache', 'save', 'france', bundled, '--prompt', text, ...tiny, '--json'),
  );
  expect(saved).toMatchObject({ name: 'france', context: 128, kvCodec: 'f16' });
  const again = await retort('cache', 'save', 'france', bundled, '--prompt', text, ...tiny);
  expect(again).toMatchObject({ code: 2, stdout: '' });
  const more = ' a city';
  const limits = ['--max-tokens', '12', '--json'];
  const restored = json<ContinuedCache>(
    await retort('cache', 'restore', 'france', '--prompt', more, ...limits),
  );
  const whole = await retort(
    'run',
    bundled,
    '--prompt',
    text + more,
    '--raw',
    '--temperature',
    '0',
    ...limits,
  );
  expect(restored.ids).toEqual(json<{ ids: number[] }>(whole).ids);
  expect(restored).toMatchObject({ tokens: saved.tokens, readTokens: 2 });
  const plain = await retort('cache', 'restore', 'france');
  expect(plain.stderr).toMatch(/tokens restored, .* in \d+ ms, 0 tokens read/);
  expect((await retort('cache', 'list')).stdout).toContain('france');

  const folder = join(home, 'cache', 'saved-caches');
  const file = join(folder, readdirSync(folder)[0]!, 'cache.safetensors');
  truncateSync(file, readFileSync(file).length - 50);
  expect(await retort('cache', 'restore', 'france')).toMatchObject({ code: 4, stdout: '' });
  expect((await retort('cache', 'clear', 'france')).stdout).toMatch(/^france: .* freed\.\n$/);
  expect((await retort('cache', 'clear', '--all')).stdout).toBe('No saved caches.\n');
  expect(await retort('cache', 'restore', 'france')).toMatchObject({ code: 3 });
});

test.each([
  [['report', bundled]],
  [['report', bundled, '--prompt', 'a', '--file', 'b']],
  [['report', bundled, '--prompt', '']],
  [['save', 'x', '--prompt', 'a']],
  [['clear']],
  [['report', bundled, '--prompt', 'a', '--kv-codec', 'q2']],
])('cache %j is refused with what is wrong', async (args) => {
  const { code, stderr } = await retort('cache', ...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^retort: .+\n$/);
});

test('a prompt that leaves no room for a reply is refused, and a graph that shows no map is reported without', async () => {
  const full = await retort('cache', 'report', bundled, '--prompt', 'Why is the sky blue?', '--context', '8');
  expect(full).toMatchObject({ code: 7 });
  const folder = join(goldenFolder, 'tiny', 'llama');
  const asked = ['cache', 'report', folder, '--raw', '--prompt', 'abc', '--context', '64', '--json'];
  const onnx = json<CacheReport>(await retort(...asked, '--engine', 'onnx'));
  expect(onnx).toMatchObject({ layers: [], attention: [] });
  expect(onnx.positions).toBeGreaterThan(0);
});
