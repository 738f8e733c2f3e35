/** Opens any ModelSource whose architecture is known in the native engine: weights are packed into memory once, sessions share them. */
import { LabError } from '../../contract/errors.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import { weightsIdentity } from '../../formats/identity.ts';
import { readWeight } from '../../formats/read-weight.ts';
import type { ModelSpec, ResolvedModel, RopeSpec } from '../../../models/families/model-spec.ts';
import { frequenciesForContext } from '../../../models/families/rope.ts';
import type { Arithmetic, Engine, EngineInfo, Session, SessionOptions } from '../engine.ts';
import { nativeAddon, withCodes, type NativeKvCodec, type NativeRope } from './addon.ts';
import { defaultKvCodec, kvBytesPerToken } from './kv-size.ts';
import { describeModel, type DescribedModel, type LoadProgress } from './model-description.ts';
import { createNativeSession, type NativeModel } from './session.ts';

export interface OpenNativeOptions extends LoadProgress {
  readonly arithmetic: Arithmetic;
  readonly threads: number;
  /** A kernel set's name; default: the widest this processor runs. */
  readonly kernels?: string;
  /** How keys and values are kept; null or absent: f32 in reference arithmetic, else f16. */
  readonly kvCodec?: NativeKvCodec | null;
}

/** Throws unsupported-feature for kernels this processor does not run, out-of-memory, and whatever reading the weights throws. */
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
    const described = await describeModel(source, model, native, options);
    withCodes(() => native.setModel(described.description));
    const factors = await ropeFactors(source, model);
    const shared: NativeModel = {
      native,
      spec: model.spec,
      kvCodec,
      signature: `${await weightsIdentity(source)} native ${arithmetic} ${kvCodec}`,
      notes: { kernels: native.kernels },
      ropes: ropesOf(model.spec, factors),
    };
    return new LoadedEngine(shared, engineInfo(shared, described, options));
  } catch (error) {
    native.close();
    throw error;
  }
}

async function ropeFactors(source: ModelSource, model: ResolvedModel): Promise<Map<string, Float32Array>> {
  const factors = new Map<string, Float32Array>();
  for (const [name, ref] of model.weights) {
    if (name.startsWith('rope_factors')) factors.set(name, await readWeight(source, ref));
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
  { spec, native, kvCodec }: NativeModel,
  { weightsBytes, layouts }: DescribedModel,
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
    weightsBytes,
    kvCodec,
    kvBytesPerToken: kvBytesPerToken(spec, kvCodec),
  };
}

class LoadedEngine implements Engine {
  readonly info: EngineInfo;
  readonly #model: NativeModel;

  constructor(model: NativeModel, info: EngineInfo) {
    this.#model = model;
    this.info = info;
  }

  createSession({ context }: SessionOptions): Promise<Session> {
    if (!Number.isInteger(context) || context < 1) {
      return Promise.reject(new LabError('bad-request', 'A session needs room for at least one position.'));
    }
    return Promise.resolve().then(() => createNativeSession(this.#model, context));
  }

  close(): Promise<void> {
    this.#model.native.close();
    return Promise.resolve();
  }
}
