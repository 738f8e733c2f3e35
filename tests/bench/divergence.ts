/**
 * `npm run bench:peers -- divergence`: how far fast arithmetic is from reference arithmetic on the same file, beside llama.cpp. The golden text's recipe:
 * 4 windows of 512 ids, each alone, 2044 predictions; KL(reference ‖ x) over the whole vocabulary, in nats. Then the mixtures of experts: how often fast
 * arithmetic chooses other experts than the reference.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../electron/engine/engine.ts';
import { openNativeEngine } from '../../electron/engine/native/open.ts';
import { loadTokenizer } from '../../electron/engine/text/tokenizer.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { perplexity } from '../../electron/lab/perplexity.ts';
import { resolveModel } from '../../models/families/index.ts';
import { goldenFolder, readGoldenJson, type TinyExpectation } from '../helpers/golden.ts';
import { openLlamaCpp } from './engines/llama-cpp-logits.ts';
import { bundledModel } from './places.ts';

const threads = 2;
const limit = 1.1;

async function openNative(path: string, arithmetic: 'reference' | 'fast'): Promise<Engine> {
  const source = await readModelSource(path);
  return openNativeEngine(source, resolveModel(source), { arithmetic, threads });
}

async function goldenIds(): Promise<number[]> {
  const { tokenizer, special } = await readModelSource(bundledModel);
  const text = readFileSync(join(goldenFolder, 'smollm2', 'text.txt'), 'utf8');
  const options = { special: false, addBos: false };
  return [...loadTokenizer(tokenizer!, special).encode(text, options)].slice(0, 2048);
}

/** Mean KL in nats from the reference. */
async function divergenceOf(name: string, engine: Engine, reference: Engine, ids: number[]): Promise<number> {
  const hooks = { signal: new AbortController().signal, onProgress: () => undefined };
  const request = { ids, context: 512, secondHalf: false };
  const result = await perplexity(engine, reference, request, hooks);
  const { mean, median, p99, max } = result.kl!;
  const [small, large] = [mean, median].map((value) => value.toExponential(3));
  console.log(
    `| ${name} | ${small} | ${large} | ${p99.toExponential(2)} | ${max.toExponential(2)} | ` +
      `${(100 * result.topOneAgreement!).toFixed(2)} % | ${result.perplexity.toFixed(3)} |`,
  );
  return mean;
}

async function divergences(): Promise<void> {
  const ids = await goldenIds();
  const reference = await openNative(bundledModel, 'reference');
  console.log(
    '| bundled model, KL to reference | mean | median | 99 % | maximum | top-1 agreement | perplexity |',
  );
  console.log('|---|---|---|---|---|---|---|');
  const means: number[] = [];
  const engines: [string, () => Promise<Engine>][] = [
    ['Retort fast', () => openNative(bundledModel, 'fast')],
    ['llama.cpp', () => openLlamaCpp(bundledModel, threads)],
  ];
  for (const [name, open] of engines) {
    const engine = await open();
    means.push(await divergenceOf(name, engine, reference, ids));
    await engine.close();
  }
  await reference.close();
  const ratio = means[0]! / means[1]!;
  console.log(
    `\nMean of Retort / mean of llama.cpp: ${ratio.toFixed(3)}; at most ${limit}: ${ratio <= limit ? 'met' : 'not met'}.`,
  );
}

/** The experts chosen for each token and layer, sorted: order only says whose weight is larger. */
async function chosenExperts(
  path: string,
  arithmetic: 'reference' | 'fast',
  ids: number[],
): Promise<string[]> {
  const engine = await openNative(path, arithmetic);
  const session = await engine.createSession({ context: ids.length });
  const { hidden } = await session.evaluate({ ids: Int32Array.from(ids), rows: 'none', hidden: true });
  session.close();
  await engine.close();
  const choices: string[] = [];
  for (const [name, { shape, data }] of hidden ?? []) {
    if (!name.endsWith('.topk')) continue;
    const used = shape[1]!;
    for (let token = 0; token < shape[0]!; token++) {
      const experts = [...data.subarray(token * used, (token + 1) * used)];
      choices.push(`${name} ${token}: ${experts.sort((left, right) => left - right).join(' ')}`);
    }
  }
  return choices;
}

async function routingFlips(): Promise<void> {
  console.log('\n| mixture of experts | choices of tokens × layers | other experts than the reference |');
  console.log('|---|---|---|');
  for (const name of ['mixtral', 'olmoe', 'qwen3_moe']) {
    const folder = join(goldenFolder, 'tiny', name);
    const { input_ids: ids } = readGoldenJson<TinyExpectation>('tiny', name, 'expected.json');
    for (const file of ['', 'model-q8_0.gguf']) {
      const path = join(folder, file);
      if (!existsSync(path)) continue;
      const reference = await chosenExperts(path, 'reference', ids);
      const fast = await chosenExperts(path, 'fast', ids);
      const flips = fast.filter((choice, i) => choice !== reference[i]).length;
      const share = ((100 * flips) / reference.length).toFixed(2);
      console.log(`| ${name} ${file} | ${reference.length} | ${flips} (${share} %) |`);
    }
  }
}

await divergences();
await routingFlips();
