/**
 * `npm run bench:compare [-- --tokens N] [--arithmetic fast|reference] [--threads N]`: what comparing three variants of the bundled model on a long text
 * costs beside their forward passes alone. Each window is read twice, in turns: in lock-step with all that a comparison counts, and by one engine after the
 * other in the same chunks with nothing done to the logits. The variants differ in the KV cache: f32 (the reference), f16, q8; with --arithmetic
 * reference the first also computes in float32.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { WindowScores } from '../../../electron/contract/compare-figures.ts';
import type { Engine } from '../../../electron/engine/engine.ts';
import { openNativeEngine } from '../../../electron/engine/native/open.ts';
import { loadTokenizer } from '../../../electron/engine/text/tokenizer.ts';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { qualityOf } from '../../../electron/lab/compare/quality.ts';
import { chunkRows } from '../../../electron/lab/lock-step.ts';
import { windowsOf } from '../../../electron/lab/perplexity.ts';
import { scoreWindow } from '../../../electron/lab/window-scores.ts';
import { resolveModel } from '../../../models/families/index.ts';
import { bundledModel } from '../places.ts';
import { formatSeries, ratios } from '../statistics.ts';
import { longText } from './prepare-text.ts';

const context = 512;
const limit = 1.1;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** The same chunks and rows as in lock-step; the logits are dropped. */
async function forward(engine: Engine, ids: Int32Array): Promise<void> {
  const session = await engine.createSession({ context: ids.length });
  const rows = chunkRows(engine.info.vocabularySize);
  for (let start = 0; start < ids.length - 1; start += rows) {
    await session.evaluate({ ids: ids.subarray(start, Math.min(start + rows, ids.length - 1)), rows: 'all' });
  }
  session.close();
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      tokens: { type: 'string', default: '20000' },
      threads: { type: 'string', default: '2' },
      arithmetic: { type: 'string', default: 'fast' },
    },
  });
  const source = await readModelSource(bundledModel);
  const tokenizer = loadTokenizer(source.tokenizer!, source.special);
  const encoded = tokenizer.encode(readFileSync(longText(), 'utf8'), { special: false, addBos: false });
  const windows = windowsOf([...encoded].slice(0, Number(values.tokens)), context);
  const engines: Engine[] = [];
  for (const kvCodec of ['f32', 'f16', 'q8'] as const) {
    const arithmetic = kvCodec === 'f32' && values.arithmetic === 'reference' ? 'reference' : 'fast';
    const options = { arithmetic, threads: Number(values.threads), kvCodec } as const;
    engines.push(await openNativeEngine(source, resolveModel(source), options));
  }
  const hooks = { signal: new AbortController().signal, report: () => undefined };
  const [compared, alone]: [number[], number[]] = [[], []];
  const scores: WindowScores[] = [];
  for (const [index, ids] of windows.entries()) {
    const compare = async () =>
      compared.push(await timed(async () => scores.push(await scoreWindow(engines, ids, 1, hooks))));
    const passes = async () =>
      alone.push(
        await timed(async () => {
          for (const engine of engines) await forward(engine, ids);
        }),
      );
    // Who is first in a window changes.
    for (const turn of index % 2 === 0 ? [compare, passes] : [passes, compare]) await turn();
    console.error(
      `window ${index + 1} of ${windows.length}: ${compared.at(-1)!.toFixed(2)} s, ${alone.at(-1)!.toFixed(2)} s`,
    );
  }
  const sum = (seconds: readonly number[]) => seconds.reduce((total, value) => total + value, 0);
  const whole = sum(compared) / sum(alone);
  console.log(formatSeries({ label: 'compared, per window', unit: 's', values: compared }));
  console.log(formatSeries({ label: 'forward passes, per window', unit: 's', values: alone }));
  console.log(formatSeries({ label: 'ratio within a window', unit: '', values: ratios(compared, alone) }));
  console.log(
    `${windows.length * context} tokens: ${sum(compared).toFixed(1)} s against ${sum(alone).toFixed(1)} s, ${whole.toFixed(3)} times (goal: ${limit})`,
  );
  for (const { perplexity, kl, topOneAgreement } of qualityOf(scores, context).columns) {
    console.log(JSON.stringify({ perplexity, meanKl: kl?.mean ?? null, topOneAgreement }));
  }
  for (const engine of engines) await engine.close();
  if (whole > limit) process.exitCode = 1;
}

await main();
