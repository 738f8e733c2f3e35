/** Exported decoders of tests/golden/exports with what they must compute. */
import { join } from 'node:path';
import type { Engine, EvaluateInput, Session } from '../../electron/engine/engine.ts';
import { openExportedDecoder } from '../../electron/engine/onnx/exported/open.ts';
import type { OnnxDevice } from '../../electron/engine/onnx/runtime.ts';
import { readOnnxFolder } from '../../electron/formats/onnx/read-folder.ts';
import { goldenFolder, readGoldenJson, readGoldenTensors, type TinyExpectation } from './golden.ts';

export interface ExportedCase {
  readonly folder: string;
  readonly ids: Int32Array;
  /** S × V. */
  readonly logits: Float32Array;
  readonly greedy: readonly number[];
  readonly tolerance: number;
  /** Token embeddings (S × H) for graphs that take rows. */
  readonly embeddings: Float32Array | null;
}

export async function readExportedCase(name: string): Promise<ExportedCase> {
  const expected = readGoldenJson<{ model: string; tolerance: number; logits: 'tiny' | 'own' }>(
    'exports',
    name,
    'expected.json',
  );
  const folder = join(goldenFolder, 'exports', name);
  const isOwn = expected.logits === 'own';
  const place = isOwn ? folder : join(goldenFolder, 'tiny', expected.model);
  const tensors = await readGoldenTensors(join(place, 'expected.safetensors'));
  return {
    folder,
    ids: tensors.get('input_ids')!.integers(),
    logits: tensors.get('logits')!.floats(),
    greedy: isOwn
      ? [...tensors.get('greedy')!.integers()]
      : readGoldenJson<TinyExpectation>('tiny', expected.model, 'expected.json').greedy,
    tolerance: expected.tolerance,
    embeddings: tensors.get('hidden.embed')?.floats() ?? null,
  };
}

export async function openCase(folder: string, device: OnnxDevice = 'cpu'): Promise<Engine> {
  return openExportedDecoder(await readOnnxFolder(folder), { arithmetic: 'reference', device, threads: 2 });
}

/** Tokens `start` to `end` of the case, as the graph takes them. */
export function tokensOf(engine: Engine, golden: ExportedCase, start: number, end: number): EvaluateInput {
  const width = engine.info.hiddenSize;
  return golden.folder.includes('embeds')
    ? { embeddings: golden.embeddings!.slice(start * width, end * width), rows: 'all' }
    : { ids: golden.ids.slice(start, end), rows: 'all' };
}

/** Logits of the ids, one token at a time. */
export async function decodeOneByOne(
  session: Session,
  engine: Engine,
  golden: ExportedCase,
): Promise<Float32Array> {
  const width = engine.info.vocabularySize;
  const rows = new Float32Array(golden.ids.length * width);
  for (let i = 0; i < golden.ids.length; i++) {
    const { logits } = await session.evaluate(tokensOf(engine, golden, i, i + 1));
    rows.set(logits, i * width);
  }
  return rows;
}
