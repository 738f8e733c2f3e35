/** From a path to a running engine: reads the headers, picks the executor, and loads what decodes its ids. */
import { join } from 'node:path';
import { graphsName } from '../contract/cache-layout.ts';
import type { ModelInfo, OpenModel } from '../contract/open-model.ts';
import type { Progress } from '../contract/progress.ts';
import { LabError } from '../contract/errors.ts';
import type { ModelSource } from '../contract/model-source.ts';
import { modelIdentity } from '../formats/identity.ts';
import { readModelSource } from '../formats/open-source.ts';
import { resolveModel } from '../../models/families/index.ts';
import type { Engine } from './engine.ts';
import { streamingOf } from './flash.ts';
import { storedDiskCurve } from './native/disk-curve.ts';
import { chooseKernels } from './native/kernel-choice.ts';
import { openNativeEngine } from './native/open.ts';
import { openExportedDecoder } from './onnx/exported/open.ts';
import { openBuiltDecoder } from './onnx/open.ts';
import { loadDecoder, type TokenDecoder } from './text/decoder.ts';

export interface OpenedModel {
  readonly engine: Engine;
  /** null where the model has no tokenizer: its ids have no text. */
  readonly decoder: TokenDecoder | null;
  readonly info: ModelInfo;
}

export interface OpenHooks {
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
}

/** Throws what reading the model throws, unsupported-feature for the native engine on another device, and what the engine's own opening throws. */
export async function openModel(request: OpenModel, hooks: OpenHooks): Promise<OpenedModel> {
  const started = performance.now();
  const source = await readModelSource(request.path);
  // Before the engine, whose memory budget it counts against.
  const decoder = source.tokenizer && loadDecoder(source.tokenizer);
  const engine = await openEngine(source, request, decoder?.vocabularySize ?? 0, hooks);
  const identity = await modelIdentity(source);
  const { hiddenSize: _hiddenSize, versions, ...info } = engine.info;
  return {
    engine,
    decoder,
    info: {
      ...info,
      versions: { ...versions },
      identity,
      ...(source.pack ? { packOf: source.pack.origin.identity } : {}),
      streaming: engine.streaming ? streamingOf(engine.streaming) : null,
      loadMs: performance.now() - started,
      ends: [...source.special.ends],
      generation: source.generation,
    },
  };
}

/**
 * Exported graphs run as they are and GPUs by onnxruntime; everything else by the native engine. On the onnx engine fast arithmetic decides
 * near-ties otherwise than float32 (the bundled model then answers "What is the capital of France?" wrongly), so there reference is the choice.
 */
function chosen(source: ModelSource, { engine, arithmetic, device }: OpenModel) {
  const needsOnnx = source.graphs.length > 0 || device !== 'cpu';
  const name = engine ?? (needsOnnx ? 'onnx' : 'native');
  return { engine: name, arithmetic: arithmetic ?? (name === 'native' ? 'fast' : 'reference') };
}

async function openEngine(
  source: ModelSource,
  request: OpenModel,
  vocabularyTokens: number,
  hooks: OpenHooks,
): Promise<Engine> {
  const { device, threads, kvCodec, isAutoBudget = false } = request;
  const memoryBudget = isAutoBudget && !source.pack ? null : request.memoryBudget;
  const { engine, arithmetic } = chosen(source, request);
  const { signal } = hooks;
  if (engine === 'native') {
    if (device !== 'cpu') {
      throw new LabError('unsupported-feature', 'The native engine runs on the processor: use --device cpu.');
    }
    const onProgress = (done: number, total: number) =>
      hooks.onProgress({ phase: 'load weights', done, total });
    const model = resolveModel(source);
    const kernels = await chooseKernels(request.cacheFolder);
    const disk = source.pack
      ? await storedDiskCurve(request.cacheFolder, source.path).catch(() => null)
      : null;
    const options = {
      arithmetic,
      threads,
      kernels,
      kvCodec,
      memoryBudget,
      isAutoBudget,
      vocabularyTokens,
      disk,
    };
    return openNativeEngine(source, model, { ...options, signal, onProgress });
  }
  if (kvCodec !== null && kvCodec !== 'f32') {
    const message = `The onnx engine keeps keys and values as its graph has them: the ${kvCodec} cache is the native engine's.`;
    throw new LabError('unsupported-feature', message, { field: 'kvCodec' });
  }
  if (memoryBudget !== null) {
    const message =
      'The onnx engine holds all weights in memory: a memory budget is for the native engine and a pack.';
    throw new LabError('unsupported-feature', message, { field: 'memoryBudget' });
  }
  if (source.pack) {
    const message =
      `${source.name} is a pack: it holds weights as the native engine computes with them, which the onnx engine cannot read. ` +
      'Use --engine native, or the model that it was made of.';
    throw new LabError('unsupported-feature', message, { field: 'engine' });
  }
  if (source.graphs.length > 0) return openExportedDecoder(source, { arithmetic, device, threads });
  const onProgress = (done: number, total: number) => hooks.onProgress({ phase: 'build graph', done, total });
  const cacheFolder = join(request.cacheFolder, graphsName);
  const options = { arithmetic, device, threads, cacheFolder, signal, onProgress };
  return openBuiltDecoder(source, resolveModel(source), options);
}
