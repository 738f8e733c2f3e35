import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { EngineContract } from '../../electron/contract/engine-contract.ts';
import type { KvCodec } from '../../electron/contract/open-model.ts';
import { ggmlTypeNames, type TensorInfo } from '../../electron/contract/model-source.ts';
import { drain } from '../../electron/contract/rpc-client.ts';
import type { Client } from '../../electron/contract/rpc.ts';
import { Estimator } from '../../electron/engine/handlers/estimate.ts';
import { inspect } from '../../electron/engine/handlers/inspect.ts';
import { nativeAddon } from '../../electron/engine/native/addon.ts';
import { matrixSource } from '../../electron/engine/native/matrix-source.ts';
import { packedBytes } from '../../electron/engine/native/packed-size.ts';
import { readSafetensorsFolder } from '../../electron/formats/safetensors/folder.ts';
import { writeSafetensors } from '../../electron/formats/safetensors/write.ts';
import { typeTraits } from '../../electron/formats/tensor-types.ts';
import type { WeightRef } from '../../models/families/model-spec.ts';
import { nodeEngineStarter, type EngineKind } from '../../electron/host/engines/engine-starter.ts';
import { bundledModel, goldenFolder, readGoldenTensors } from '../helpers/golden.ts';
import { makeFolder } from '../helpers/model-folder.ts';
import { openModel, tinyCases, tinyFolder } from '../helpers/native-engine.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

type Request = Parameters<Estimator['estimate']>[0];
const estimate = (request: Request) => new Estimator().estimate(request);
const defaults = { context: null, kvCodec: null, threads: 2 };
const quantized = tinyCases.map((name) => join(tinyFolder(name), 'model-q8_0.gguf')).filter(existsSync);
const exported = join(goldenFolder, 'exports', 'qwen3-transformersjs-q4');

describe('the estimate of', () => {
  test.each([bundledModel, exported, ...tinyCases.map(tinyFolder), ...quantized])(
    '%s has the very bytes of weights that the engine packs',
    async (path) => {
      const engine = await openModel(path);
      expect((await estimate({ path, ...defaults })).weightsBytes).toBe(engine.info.weightsBytes);
    },
  );

  const caches = ['llama', 'gemma2', 'gpt2', 'mamba', 'mamba2'].flatMap((name) =>
    (['f32', 'f16', 'q8'] as const).map((codec) => [name, codec] as const),
  );
  test.each(caches)(
    '%s with a %s cache has the very bytes that a full session holds',
    async (name, kvCodec) => {
      const path = tinyFolder(name);
      const engine = await openModel(path, { arithmetic: 'fast', kvCodec });
      const context = 45;
      const session = await engine.createSession({ context });
      const ids = Int32Array.from({ length: context }, (_, i) => i);
      await session.evaluate({ ids, rows: 'none' });
      const estimated = await estimate({ path, context, kvCodec, threads: 1 });
      expect(estimated).toMatchObject({ kvBytes: session.kvBytes, kvCodec, context });
      expect(estimated.kvBytesPerToken).toBe(engine.info.kvBytesPerToken);
      expect(estimated.kvBytesPerToken === null).toBe(name.startsWith('mamba'));
    },
  );

  test('one more position is a whole block’s share, scales included', async () => {
    const at = async (context: number) =>
      estimate({ path: bundledModel, ...defaults, context, kvCodec: 'q8' });
    const [less, more] = [await at(64), await at(96)];
    expect((more.kvBytes - less.kvBytes) / 32).toBe(less.kvBytesPerToken);
  });

  test.each(['llama', 'gemma2', 'mixtral', 'olmoe', 'mamba', 'mamba2'])(
    '%s has the bytes that a token reads when the context is full',
    async (name) => {
      const path = tinyFolder(name);
      const engine = await openModel(path, { arithmetic: 'fast' });
      const context = 40;
      const session = await engine.createSession({ context });
      const ids = Int32Array.from({ length: context }, (_, i) => i);
      await session.evaluate({ ids: ids.subarray(1), rows: 'none' });
      const { bytesTouched } = await session.evaluate({ ids: ids.subarray(0, 1), rows: 'last' });
      const { bytesTouchedPerToken } = await estimate({ path, ...defaults, context });
      expect(Math.abs(bytesTouchedPerToken - bytesTouched!)).toBeLessThan(0.01 * bytesTouched!);
    },
  );

  test('a file that changed is that of its present headers', async () => {
    const folder = makeFolder();
    const path = join(folder, 'model.gguf');
    copyFileSync(join(tinyFolder('llama'), 'model-f32.gguf'), path);
    const estimator = new Estimator();
    const whole = await estimator.estimate({ path, ...defaults });
    expect(await estimator.estimate({ path, ...defaults })).toEqual(whole);
    expect(whole.identity).toBe((await inspect(path)).identity);
    copyFileSync(join(tinyFolder('llama'), 'model-q8_0.gguf'), path);
    const less = await estimator.estimate({ path, ...defaults });
    expect(less.weightsBytes).toBeLessThan(whole.weightsBytes);
    rmSync(path);
    await expect(estimator.estimate({ path, ...defaults })).rejects.toMatchObject({ code: 'not-found' });
  });

  test('a context beyond the model’s is the model’s', async () => {
    const path = tinyFolder('llama');
    const { modelContext, context } = await estimate({ path, ...defaults, context: 1_000_000 });
    expect(context).toBe(modelContext);
    expect((await estimate({ path, ...defaults })).context).toBe(modelContext);
  });
});

describe('a packed matrix', async () => {
  const golden = await readGoldenTensors(join(goldenFolder, 'quant', 'gguf_blocks.safetensors'));
  const types = ggmlTypeNames.filter((type) => golden.has(`${type}.bytes`));

  test.each(types)('of type %s takes the bytes that were estimated', async (type) => {
    const { bytes: random, shape } = golden.get(`${type}.bytes`)!;
    // Random exponents of MXFP4 leave float16; those of weights do not.
    const bytes = type === 'MXFP4' ? random.map((byte, i) => (i % 17 === 0 ? 120 : byte)) : random;
    const { blockElements, blockBytes } = typeTraits(type);
    const rows = shape[0]!;
    const columns = (bytes.length / blockBytes / rows) * blockElements;
    const folder = makeFolder();
    await writeSafetensors(join(folder, 'model.safetensors'), [
      { name: 'w', type: 'U8', shape: [bytes.length], data: bytes },
    ]);
    const { tensors, files } = await readSafetensorsFolder(folder, 0);
    const tensor: TensorInfo = { ...tensors.get('w')!, type, shape: [rows, columns] };
    const ref: WeightRef = {
      source: { kind: 'tensor', tensor },
      shape: [rows, columns],
      transposed: false,
      rows: null,
    };
    const engine = new (nativeAddon().NativeEngine)({ arithmetic: 'fast', threads: 1, kernels: '' });
    onTestFinished(() => engine.close());
    const { matrix } = await matrixSource({ folder, files } as never, ref);
    expect(packedBytes(ref)).toBe((await engine.pack(matrix)).bytes);
  });
});

function start(kind: EngineKind): Client<EngineContract> {
  const engine = nodeEngineStarter.start(kind);
  onTestFinished(() => engine.kill());
  return engine.client;
}

/** What the process of the bundled model grows by until a reply has filled the context. */
async function measuredGrowth(context: number, kvCodec: KvCodec | null) {
  const client = start('weights');
  const open = {
    path: bundledModel,
    engine: null,
    arithmetic: null,
    device: 'cpu',
    threads: 2,
    kvCodec,
    memoryBudget: null,
    cacheFolder: temporaryFolder(),
  } as const;
  await drain(client.open(open));
  const result = await drain(
    client.generate({
      ids: Array.from({ length: context - 40 }, (_, i) => (i * 7919) % 40_000),
      maxTokens: context,
      sampling: { topLogProbabilities: 10 },
      ends: [],
      ignoreEnds: true,
      stops: [],
      continues: false,
      trace: true,
      conversation: { context },
    }),
  );
  expect(result.finishReason).toBe('context');
  const { residentBytes, residentBeforeOpenBytes, kvBytes, weightsBytes } = await client.memory({});
  return { grown: residentBytes - residentBeforeOpenBytes!, kvBytes, weightsBytes };
}

test.each([
  [1024, null],
  [1024, 'q8'],
  [8192, null],
] as const)(
  'what a process of the bundled model takes with %i positions (cache: %s) is within a tenth of the estimate',
  async (context, kvCodec) => {
    // Told by a process that opens no weights.
    const told = await start('text').estimate({ path: bundledModel, context, kvCodec, threads: 2 });
    const { grown, kvBytes, weightsBytes } = await measuredGrowth(context, kvCodec);
    expect(told).toMatchObject({ weightsBytes, kvBytes });
    const total = told.weightsBytes + told.kvBytes + told.scratchBytes;
    expect(Math.abs(total - grown), `estimated ${total}, measured ${grown}`).toBeLessThan(0.1 * grown);
  },
  300_000,
);
