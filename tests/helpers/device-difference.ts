/**
 * A process of its own for one device: `node device-difference.ts exported|built CASE DEVICE` prints {"difference": number} between the computed
 * and the golden logits, or {"code": string} of the error. Vulkan reads its environment once per process.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toLabError } from '../../electron/contract/errors.ts';
import type { Engine } from '../../electron/engine/engine.ts';
import { openBuiltDecoder } from '../../electron/engine/onnx/open.ts';
import type { OnnxDevice } from '../../electron/engine/onnx/runtime.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { resolveModel } from '../../models/families/index.ts';
import { openCase, readExportedCase, tokensOf } from './exported.ts';
import {
  goldenFolder,
  maximumDifference,
  readGoldenJson,
  readGoldenTensors,
  type TinyExpectation,
} from './golden.ts';

interface Measured {
  readonly difference: number;
  readonly device: string;
}

async function exported(name: string, device: OnnxDevice): Promise<Measured> {
  const golden = await readExportedCase(name);
  const engine = await openCase(golden.folder, device);
  const session = await engine.createSession({ context: golden.ids.length });
  const middle = golden.ids.length >> 1;
  await session.evaluate(tokensOf(engine, golden, 0, middle));
  const { logits } = await session.evaluate(tokensOf(engine, golden, middle, golden.ids.length));
  return compare(engine, logits, golden.logits, middle);
}

async function built(name: string, device: OnnxDevice): Promise<Measured> {
  const folder = join(goldenFolder, 'tiny', name);
  const cacheFolder = await mkdtemp(join(tmpdir(), 'retort-device-'));
  try {
    const source = await readModelSource(folder);
    const options = { arithmetic: 'reference' as const, device, threads: 2, cacheFolder };
    const engine = await openBuiltDecoder(source, resolveModel(source), options);
    const expected = (await readGoldenTensors(join(folder, 'expected.safetensors'))).get('logits')!.floats();
    const ids = Int32Array.from(readGoldenJson<TinyExpectation>('tiny', name, 'expected.json').input_ids);
    const session = await engine.createSession({ context: ids.length });
    const { logits } = await session.evaluate({ ids, rows: 'all' });
    return compare(engine, logits, expected, 0);
  } finally {
    await rm(cacheFolder, { recursive: true });
  }
}

function compare(engine: Engine, logits: Float32Array, expected: Float32Array, firstRow: number): Measured {
  const { vocabularySize, device } = engine.info;
  return { difference: maximumDifference(logits, expected.subarray(firstRow * vocabularySize)), device };
}

const [kind = '', name = '', device = ''] = process.argv.slice(2);
try {
  const measured = await (kind === 'built' ? built : exported)(name, device as OnnxDevice);
  console.log(JSON.stringify(measured));
} catch (error) {
  console.log(JSON.stringify({ code: toLabError(error).code, message: toLabError(error).message }));
}
