/** Quantizing as tests ask for it, and what came of it opened. */
import { basename } from 'node:path';
import { onTestFinished } from 'vitest';
import type { QuantizeResult } from '../../electron/contract/lab-results.ts';
import type { Engine, Session } from '../../electron/engine/engine.ts';
import { openExportedDecoder } from '../../electron/engine/onnx/exported/open.ts';
import type { QuantizeRequest } from '../../electron/engine/quantize/quantize-model.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { makeFolder } from './model-folder.ts';
import { openModel } from './native-engine.ts';

export const request = (
  path: string,
  recipe: string,
  more: Partial<QuantizeRequest> = {},
): QuantizeRequest => ({
  path,
  name: basename(path, '.gguf'),
  recipe,
  out: makeFolder(),
  formats: ['pack', 'onnx'],
  arithmetic: 'reference',
  threads: 2,
  isEstimate: false,
  ...more,
});

export const outOf = ({ variants }: QuantizeResult, format: 'pack' | 'onnx') =>
  variants.find((variant) => variant.format === format)!.out;

/** An engine that closes when the running test ends. */
export async function openFolder(path: string): Promise<Engine> {
  const engine = await openExportedDecoder(await readModelSource(path), {
    arithmetic: 'reference',
    device: 'cpu',
    threads: 2,
  });
  onTestFinished(() => engine.close());
  return engine;
}

/** A session of each of both variants. */
export async function openBoth(outcome: QuantizeResult): Promise<{ pack: Session; folder: Session }> {
  const [pack, folder] = [await openModel(outOf(outcome, 'pack')), await openFolder(outOf(outcome, 'onnx'))];
  return {
    pack: await pack.createSession({ context: 128 }),
    folder: await folder.createSession({ context: 128 }),
  };
}
