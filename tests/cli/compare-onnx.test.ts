/** Comparisons in which a variant is an exported ONNX folder, as `retort quantize` makes them, and runs on the other engine. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CompareDone } from '../../electron/contract/host-contract.ts';
import { cli } from '../helpers/cli.ts';
import { readGoldenJson } from '../helpers/golden.ts';
import { copyTinyModel } from '../helpers/model-folder.ts';
import { temporaryFolder, tinyModel } from '../helpers/test-host.ts';

const sentence = 'The ship lay at anchor in the harbour, and her crew went ashore. ';
const raw = ['--raw', '--prompt', sentence, '--max-tokens', '8'];
const exact = ['--arithmetic', 'reference'];

async function quantized(home: string, model: string, format: string): Promise<void> {
  const args = ['quantize', model, '--recipe', 'q4-g32', '--format', format, '--out', home];
  expect((await cli(args, { home })).code).toBe(0);
}

function textFile(folder: string): string {
  const file = join(folder, 'text.txt');
  writeFileSync(file, sentence.repeat(10));
  return file;
}

test('a folder stands beside the GGUF that it was made of and the pack of the same numbers', async () => {
  const home = temporaryFolder();
  const gguf = join(tinyModel('llama').path, 'model-f32.gguf');
  await quantized(home, gguf, 'both');
  const [pack, folder] = [join(home, 'model-f32-q4-g32.retortpack'), join(home, 'model-f32-q4-g32')];
  const html = join(home, 'page.html');
  const text = ['--file', textFile(home), '--context', '32', '--weights', '--html', html, '--json'];
  const { code, stdout, stderr } = await cli(['compare', gguf, pack, folder, ...raw, ...exact, ...text], {
    home,
  });
  expect([code, stderr.includes('retort:')], stderr).toEqual([0, false]);
  const { columns, forced, quality, weights } = (JSON.parse(stdout) as CompareDone).result;
  expect(columns.map(({ engine, format, kvCodec }) => [engine, format, kvCodec])).toEqual([
    ['native', 'gguf', 'f32'],
    ['native', 'pack', 'f32'],
    ['onnx', 'genai', 'f32'],
  ]);
  for (const { speed, reply } of columns) {
    expect(reply.tokens).toHaveLength(8);
    expect(speed.decodeTokensPerSecond).toBeGreaterThan(0);
  }
  // Both hold the same numbers: what either engine makes of them is the same but for rounding.
  const [ofPack, ofFolder] = forced.variants;
  expect(ofPack!.meanKl).toBeGreaterThan(1e-3);
  expect(ofFolder!.meanKl).toBeCloseTo(ofPack!.meanKl, 5);
  ofFolder!.tokens.forEach(({ logProbability, kl, top }, i) => {
    expect(logProbability).toBeCloseTo(ofPack!.tokens[i]!.logProbability, 4);
    expect(kl).toBeCloseTo(ofPack!.tokens[i]!.kl, 4);
    expect(top.map(({ piece }) => piece)).toEqual(ofPack!.tokens[i]!.top.map(({ piece }) => piece));
  });
  const [, packQuality, folderQuality] = quality!.columns;
  expect(folderQuality!.perplexity.value / packQuality!.perplexity.value).toBeCloseTo(1, 4);
  expect(folderQuality!.kl!.mean.value).toBeCloseTo(packQuality!.kl!.mean.value, 5);
  expect(weights!.errors[0]!.some((error) => (error ?? 0) > 0.01)).toBe(true);
  expect(new Set(weights!.errors[1])).toEqual(new Set([null]));
  expect(readFileSync(html, 'utf8')).toContain('None of its matrices could be compared');
}, 120_000);

test('a folder is the reference of a chat with its own template; what it cannot do is refused before anything runs', async () => {
  const home = temporaryFolder();
  const tokenizer = readGoldenJson<object>('tiny', 'llama', 'tokenizer_config.json');
  const template = "{% for message in messages %}<s>{{ message['content'] }}{% endfor %}";
  const model = copyTinyModel('llama', {
    'tokenizer_config.json': { ...tokenizer, chat_template: template },
  });
  await quantized(home, model, 'onnx');
  const variants = [join(home, `${model.split('/').at(-1)}-q4-g32`), model];
  const compare = (...args: string[]) => cli(['compare', ...variants, ...args], { home });
  const chat = ['--prompt', sentence, '--max-tokens', '4'];
  const done = await compare(...chat, '--json');
  expect(done.stderr).not.toContain('retort:');
  const { columns, forced } = (JSON.parse(done.stdout) as CompareDone).result;
  expect(columns.map(({ engine }) => engine)).toEqual(['onnx', 'native']);
  expect(forced.reference.map(({ id }) => id)).toEqual(columns[0]!.reply.tokens.map(({ id }) => id));

  const weights = await compare(...chat, '--weights');
  expect(weights.stderr).toMatch(/runs only as it was exported.*put another one first, or compare without/);
  // Positions that its rope tables have.
  const long = await compare(...chat.slice(0, 2), '--max-tokens', '300');
  expect(long.stderr).toMatch(/holds 256 tokens; the prompt with its reply .* has 3\d\d/);
  const jobs = JSON.parse((await cli(['jobs', 'list', '--json'], { home })).stdout) as { jobs: object[] };
  expect(jobs.jobs).toMatchObject([{ kind: 'compare', state: 'done' }, { kind: 'quantize' }]);
}, 120_000);
