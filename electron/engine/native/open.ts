/**
 * Opens any ModelSource whose architecture is known in the native engine. Weights of a pack are read where they lie, into memory or, within a memory
 * budget, as they are needed; those of other models are packed into memory once. Sessions share them.
 */
import type { DiskCurve } from '../../contract/streaming.ts';
import { LabError } from '../../contract/errors.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import { weightsIdentity } from '../../formats/identity.ts';
import type { ModelSpec, ResolvedModel, RopeSpec } from '../../../models/families/model-spec.ts';
import { frequenciesForContext } from '../../../models/families/rope.ts';
import type { Arithmetic, Engine, EngineCache, EngineInfo, Session, SessionOptions, EngineStreaming } from '../engine.ts';
import { nativeAddon, withCodes, type NativeEngine, type NativeKvCodec, type NativeRope } from './addon.ts';
import { cacheLayers, defaultKvCodec, kvBytesPerToken } from './kv-size.ts';
import { MemoryBudget } from './memory-budget.ts';
import { activationBytes, estimateMemory, processScratchBytes, sessionBytes } from './memory-estimate.ts';
import { describeModel, type DescribedModel, type LoadProgress } from './model-description.ts';
import { packWeights } from './open-pack.ts';
import { createNativeSession, type NativeModel } from './session.ts';
import { sourceWeights, type Weights } from './weights.ts';

export interface OpenNativeOptions extends LoadProgress {
  readonly arithmetic: Arithmetic;
  readonly threads: number;
  /** A kernel set's name; default: the widest this processor runs. */
  readonly kernels?: string;
  /** How keys and values are kept; null or absent: f32 in reference arithmetic, else f16. */
  readonly kvCodec?: NativeKvCodec | null;
  /** Bytes of memory for weights, KV caches and buffers together; null or absent: whatever is needed. */
  readonly memoryBudget?: number | null;
  /** The budget is for packs alone, raised to what they need at the least. */
  readonly isAutoBudget?: boolean;
  /** How fast the disk of a pack is; null or absent: it was not measured. */
  readonly disk?: DiskCurve | null;
  /** Texts that the decoder keeps; they count against the budget. */
  readonly vocabularyTokens?: number;
}

/**
 * Throws unsupported-feature for kernels this processor does not run and for a budget that a model which is no pack does not keep to, bad-request
 * with `minimumBytes` for a budget that is too small for a pack, out-of-memory, and whatever reading the weights throws.
 */
export async function openNativeEngine(
  source: ModelSource,
  model: ResolvedModel,
  options: OpenNativeOptions,
): Promise<Engine> {
  const { arithmetic, threads, kernels = '' } = options;
  const kvCodec = options.kvCodec ?? defaultKvCodec(arithmetic);
  const addon = nativeAddon();
  const native = withCodes(() => new addon.NativeEngine({ arithmetic, threads, kernels }));
  try {
    if (!source.pack) checkResident(source, model, { ...options, kvCodec });
    const weights = source.pack ? packWeights(source, model, native, options.disk ?? null) : sourceWeights(source, native);
    const described = await describeModel(model, weights, source.pack ? { signal: options.signal } : options);
    withCodes(() => native.setModel(described.description));
    const budget = source.pack ? budgetOf(native, model.spec, described, options) : null;
    await budget?.load(options);
    const factors = await ropeFactors(model, weights);
    const shared: NativeModel = {
      native,
      spec: model.spec,
      kvCodec,
      budget,
      totals: { cacheHits: 0, cacheMisses: 0 },
      identity: `${await weightsIdentity(source)} native ${arithmetic}`,
      notes: { kernels: native.kernels },
      ropes: ropesOf(model.spec, factors),
    };
    return new LoadedEngine(shared, engineInfo(shared, described, options));
  } catch (error) {
    native.close();
    throw error;
  }
}

type BudgetOptions = Pick<OpenNativeOptions, 'threads' | 'memoryBudget' | 'isAutoBudget' | 'vocabularyTokens'> & {
  readonly kvCodec: NativeKvCodec;
};

/** Whether weights that all stay in memory, and the smallest session, keep to the budget. */
function checkResident(source: ModelSource, model: ResolvedModel, options: BudgetOptions): void {
  const { memoryBudget = null, isAutoBudget = false, vocabularyTokens = 0, threads, kvCodec } = options;
  if (memoryBudget === null || isAutoBudget) return;
  const { weightsBytes, kvBytes, scratchBytes } = estimateMemory(model, { context: 1, kvCodec, threads, vocabularyTokens });
  const minimumBytes = weightsBytes + kvBytes + scratchBytes;
  if (minimumBytes <= memoryBudget) return;
  const message =
    `${source.name} takes ${Math.ceil(minimumBytes / 1_048_576)} MiB, more than the memory budget. Weights are read as they are needed only from a ` +
    'pack: make one with `retort pack`.';
  throw new LabError('unsupported-feature', message, { field: 'memoryBudget', minimumBytes });
}

function budgetOf(
  native: NativeEngine,
  spec: ModelSpec,
  { vectorBytes }: DescribedModel,
  { threads, memoryBudget = null, isAutoBudget = false, vocabularyTokens = 0 }: OpenNativeOptions,
): MemoryBudget {
  const parts = {
    fixedBytes: vectorBytes + processScratchBytes(spec, { threads, vocabularyTokens }),
    sessionBytes: (context: number, kvCodec: NativeKvCodec) => sessionBytes(spec, kvCodec, context),
    tokenBytes: activationBytes(spec),
  };
  return new MemoryBudget(native, parts, { total: memoryBudget, isAuto: isAutoBudget });
}

async function ropeFactors(model: ResolvedModel, weights: Weights): Promise<Map<string, Float32Array>> {
  const factors = new Map<string, Float32Array>();
  for (const [name, ref] of model.weights) {
    if (name.startsWith('rope_factors')) factors.set(name, await weights.vector(name, ref));
  }
  return factors;
}

/** A function of its own, so that what lives as long as the engine holds nothing of the opening. */
function ropesOf(spec: ModelSpec, factors: ReadonlyMap<string, Float32Array>): NativeModel['ropes'] {
  return (context) => spec.ropes.map((rope) => ropeForContext(rope, context, factors));
}

function ropeForContext(
  rope: RopeSpec,
  context: number,
  factors: ReadonlyMap<string, Float32Array>,
): NativeRope {
  const { inverse, magnitude, factorsWeight } = frequenciesForContext(rope, context);
  const divisors = factorsWeight === null ? undefined : factors.get(factorsWeight);
  return {
    dimensions: rope.dimensions,
    style: rope.style,
    inverse: Float64Array.from(inverse, (value, i) => value / (divisors?.[i] ?? 1)),
    magnitude,
    sections: rope.sections && Int32Array.from(rope.sections),
  };
}

function engineInfo(
  { spec, native, kvCodec, budget }: NativeModel,
  { weightsBytes, vectorBytes, layouts }: DescribedModel,
  { arithmetic, threads }: OpenNativeOptions,
): EngineInfo {
  return {
    engine: 'native',
    arithmetic,
    device: 'cpu',
    threads,
    versions: { kernels: native.kernels, layout: layouts.join(' ') },
    vocabularySize: spec.vocabularySize,
    hiddenSize: spec.hiddenSize,
    contextLength: spec.contextLength,
    weightsBytes: budget ? vectorBytes + budget.heldBytes : weightsBytes,
    kvCodec,
    kvBytesPerToken: kvBytesPerToken(spec, kvCodec),
  };
}

/** Of the layer that has most. */
function expertsOf({ layers }: ModelSpec): EngineStreaming['experts'] {
  const mixtures = layers.flatMap((layer) =>
    layer.kind === 'attention' && layer.feedForward.kind === 'experts' ? [layer.feedForward] : [],
  );
  if (mixtures.length === 0) return null;
  const most = (values: readonly number[]) => Math.max(...values);
  return {
    layers: layers.length,
    count: most(mixtures.map(({ count }) => count)),
    used: most(mixtures.map(({ used }) => used)),
  };
}

class LoadedEngine implements Engine {
  readonly info: EngineInfo;
  readonly #model: NativeModel;

  constructor(model: NativeModel, info: EngineInfo) {
    this.#model = model;
    this.info = info;
  }

  get cache(): EngineCache {
    const { spec, kvCodec } = this.#model;
    return {
      layers: cacheLayers(spec, kvCodec),
      bytesPerToken: (codec) => kvBytesPerToken(spec, codec),
    };
  }

  createSession({ context, kvCodec }: SessionOptions): Promise<Session> {
    if (!Number.isInteger(context) || context < 1) {
      return Promise.reject(new LabError('bad-request', 'A session needs room for at least one position.'));
    }
    return createNativeSession(this.#model, context, kvCodec);
  }

  /** Null where all weights are in memory because they lie in no pack. */
  get streaming(): EngineStreaming | null {
    const { budget, native, spec, totals } = this.#model;
    if (budget === null) return null;
    return {
      get memoryBudget() {
        return budget.total;
      },
      get isAuto() {
        return budget.isAuto;
      },
      experts: expertsOf(spec),
      totals,
      state: () => withCodes(() => native.flashState())!,
      setMemoryBudget: (total, isAuto = false) => budget.change({ total, isAuto }),
    };
  }

  close(): Promise<void> {
    this.#model.native.close();
    return Promise.resolve();
  }
}
