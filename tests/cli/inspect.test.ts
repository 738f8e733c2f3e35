/** What the command line tells of texts and models: ids, headers, tensors, logits. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundled, ids, json, llama, useCliHome } from '../helpers/cli-home.ts';
import { readGoldenJson, readGoldenTensors } from '../helpers/golden.ts';

const home = useCliHome();

test('tokenize gives ids and pieces; names of special tokens are plain text unless asked', async () => {
  const args = ['tokenize', bundled, '--text', '<|im_end|> is'];
  const plain = json<{ ids: number[]; pieces: string[] }>(await home.retort(...args, '--json'));
  expect(plain.ids.length).toBeGreaterThan(2);
  expect(plain.pieces.join('')).toBe('<|im_end|> is');
  const special = json(await home.retort(...args, '--special', '--json'));
  expect(special).toMatchObject({ ids: [2, 314], pieces: ['<|im_end|>', ' is'] });
  expect((await home.retort(...args, '--special')).stdout).toBe('       2  "<|im_end|>"\n     314  " is"\n');
});

test('tokenize of a conversation gives what the golden template gives', async () => {
  const { cases } = readGoldenJson<{
    cases: { messages: unknown; add_generation_prompt: boolean; ids: number[] }[];
  }>('smollm2', 'chat.json');
  const [first] = cases;
  const file = join(home.path, 'first.json');
  writeFileSync(file, JSON.stringify(first?.messages));
  expect(json(await home.retort('tokenize', bundled, '--chat', file, '--json'))['ids']).toEqual(first?.ids);
});

test('inspect reads the headers of the bundled model', async () => {
  const summary = json(await home.retort('inspect', bundled, '--json'));
  expect(summary).toMatchObject({
    format: 'gguf',
    architecture: 'llama',
    supported: true,
    layers: 30,
    vocabularySize: 49_152,
    chatTemplate: true,
  });
  const { stdout } = await home.retort('inspect', bundled, '--tensors');
  expect(stdout).toMatch(/^layers +30$/m);
  expect(stdout).toMatch(/^token_embd\.weight +Q8_0 +49152 × 576/m);
});

test('inspect reads the values of tensors', async () => {
  const summary = json<{ tensors: { name: string; bytes: number; statistics?: { values: number } }[] }>(
    await home.retort('inspect', llama, '--tensors', '--statistics', '--json'),
  );
  expect(summary.tensors.length).toBeGreaterThan(20);
  expect(summary.tensors.every(({ bytes, statistics }) => statistics?.values === bytes / 4)).toBe(true);
  const { stdout } = await home.retort('inspect', llama, '--tensors', '--statistics');
  expect(stdout).toMatch(
    /^tensor +type +shape +bytes +bits a weight +min +max +mean +std +zeros +not a number$/m,
  );
  expect(stdout).toMatch(/^model\.norm\.weight +F32 +\d+ +\S+ B +32\.00 +-?\d/m);
});

test('logits writes the golden logits', async () => {
  const out = join(home.path, 'logits.safetensors');
  const args = ['--ids', ids, '--out', out, '--arithmetic', 'reference', '--json'];
  const result = json(await home.retort('logits', llama, ...args));
  expect(result).toMatchObject({ tokens: 48, vocabularySize: 320 });
  expect((await readGoldenTensors(out)).get('logits')?.shape).toEqual([48, 320]);
});
