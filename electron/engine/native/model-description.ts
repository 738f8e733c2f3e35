/** From a ModelSpec and its canonical weights to the description the addon builds its model from; matrices go into the engine on the way. */
import { badFile } from '../../contract/errors.ts';
import type {
  AttentionLayerSpec,
  LayerSpec,
  NormSpec,
  ResolvedModel,
  StateSpaceLayerSpec,
  WeightRef,
} from '../../../models/families/model-spec.ts';
import type {
  NativeAttentionLayer,
  NativeFeedForward,
  NativeLinear,
  NativeModelDescription,
  NativeNorm,
  NativeStateSpaceLayer,
} from './addon.ts';
import type { Weights } from './weights.ts';

export interface LoadProgress {
  readonly signal?: AbortSignal | undefined;
  /** Called after each matrix with the share of elements loaded. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface DescribedModel {
  readonly description: NativeModelDescription;
  readonly weightsBytes: number;
  /** Of them, those that are no matrices. */
  readonly vectorBytes: number;
  /** Layouts of the packed matrices, the one that holds most bytes first. */
  readonly layouts: readonly string[];
}

/** Throws what reading the weights throws, out-of-memory, and the signal's reason. */
export async function describeModel(
  model: ResolvedModel,
  weights: Weights,
  progress: LoadProgress,
): Promise<DescribedModel> {
  const loader = new ModelLoader(model, weights, progress);
  const description = await loader.model();
  const layouts = [...loader.layoutBytes].sort(([, a], [, b]) => b - a).map(([layout]) => layout);
  const { weightsBytes, vectorBytes } = loader;
  return { description, weightsBytes, vectorBytes, layouts };
}

const elements = (ref: WeightRef) => ref.shape.reduce((product, size) => product * size, 1);

class ModelLoader {
  weightsBytes = 0;
  vectorBytes = 0;
  readonly layoutBytes = new Map<string, number>();
  readonly #model: ResolvedModel;
  readonly #weights: Weights;
  readonly #progress: LoadProgress;
  readonly #total: number;
  #done = 0;

  constructor(model: ResolvedModel, weights: Weights, progress: LoadProgress) {
    this.#model = model;
    this.#weights = weights;
    this.#progress = progress;
    this.#total = [...model.weights.values()].reduce((sum, ref) => sum + elements(ref), 0);
  }

  async model(): Promise<NativeModelDescription> {
    const { spec } = this.#model;
    const { embedding, head } = spec;
    const table = (await this.#pack('embedding.weight')).matrix;
    const projected = embedding.size !== spec.hiddenSize;
    const layers: NativeModelDescription['layers'][number][] = [];
    const embeddingIn = projected ? await this.#linear('embedding_in') : null;
    for (const [index, layer] of spec.layers.entries()) layers.push(await this.#layer(index, layer));
    return {
      hiddenSize: spec.hiddenSize,
      vocabularySize: spec.vocabularySize,
      embeddingSize: embedding.size,
      // Rounded to float32, as the reference models multiply by a float32 tensor.
      embeddingScale: Math.fround(embedding.scale),
      embedding: table,
      embeddingIn,
      embeddingOut: projected ? await this.#linear('embedding_out') : null,
      learnedPositions: embedding.learnedPositions && {
        ...embedding.learnedPositions,
        table: await this.#vector('position_embedding.weight'),
      },
      layers,
      finalNorm: await this.#norm('final_norm', spec.finalNorm),
      head: head.tied
        ? { matrix: table, bias: await this.#optional('head.bias'), columnOrder: null }
        : await this.#linear('head'),
      headSoftcap: head.softcap,
      headScale: head.scale,
    };
  }

  #layer(index: number, layer: LayerSpec): Promise<NativeModelDescription['layers'][number]> {
    const prefix = `layers.${index}.`;
    return layer.kind === 'attention'
      ? this.#attentionLayer(prefix, layer)
      : this.#stateSpaceLayer(prefix, layer);
  }

  async #attentionLayer(prefix: string, layer: AttentionLayerSpec): Promise<NativeAttentionLayer> {
    const { norms, attention } = layer;
    const { queryKeyNorm, ...shape } = attention;
    const norm = (name: string, spec: NormSpec | null) => this.#norm(prefix + name, spec);
    return {
      kind: 'attention',
      ...shape,
      attentionInput: await norm('attention_input_norm', norms.attentionInput),
      attentionOutput: await norm('attention_output_norm', norms.attentionOutput),
      attentionResidual: await norm('attention_residual_norm', norms.attentionResidual),
      feedForwardInput: await norm('feed_forward_input_norm', norms.feedForwardInput),
      feedForwardOutput: await norm('feed_forward_output_norm', norms.feedForwardOutput),
      feedForwardResidual: await norm('feed_forward_residual_norm', norms.feedForwardResidual),
      queryNorm: await norm('query_norm', queryKeyNorm?.norm ?? null),
      keyNorm: await norm('key_norm', queryKeyNorm?.norm ?? null),
      normsPerHead: queryKeyNorm?.over === 'head',
      query: await this.#linear(`${prefix}query`),
      key: await this.#linear(`${prefix}key`),
      value: await this.#linear(`${prefix}value`),
      output: await this.#linear(`${prefix}output`),
      feedForward: await this.#feedForward(prefix, layer),
    };
  }

  async #feedForward(prefix: string, { feedForward }: AttentionLayerSpec): Promise<NativeFeedForward> {
    if (feedForward.kind === 'dense') {
      const { gated, activation } = feedForward;
      const gate = gated ? await this.#linear(`${prefix}gate`) : null;
      const up = await this.#linear(`${prefix}up`);
      return { activation, gated, gate, up, down: await this.#linear(`${prefix}down`) };
    }
    const { activation, used, normalizeChosen, count } = feedForward;
    const experts: { gate: NativeLinear; up: NativeLinear; down: NativeLinear }[] = [];
    const router = await this.#linear(`${prefix}router`);
    for (let expert = 0; expert < count; expert++) {
      const stem = `${prefix}experts.${expert}.`;
      const gate = await this.#linear(`${stem}gate`);
      const up = await this.#linear(`${stem}up`);
      experts.push({ gate, up, down: await this.#linear(`${stem}down`) });
    }
    return { activation, gated: true, router, used, normalizeChosen, experts };
  }

  async #stateSpaceLayer(prefix: string, layer: StateSpaceLayerSpec): Promise<NativeStateSpaceLayer> {
    const first = layer.version === 1;
    const { norm, ...sizes } = layer;
    const vector = (name: string) => this.#vector(prefix + name);
    const inputNorm = await this.#norm(`${prefix}norm`, norm);
    const convolutionWeight = await vector('convolution.weight');
    return {
      ...sizes,
      norm: inputNorm!,
      in: await this.#linear(`${prefix}in`),
      out: await this.#linear(`${prefix}out`),
      x: first ? await this.#linear(`${prefix}x`) : null,
      timeStep: first ? await this.#linear(`${prefix}time_step`) : null,
      convolutionWeight,
      convolutionBias: await this.#optional(`${prefix}convolution.bias`),
      a: await this.#decay(prefix),
      d: await vector('d'),
      timeStepBias: first ? null : await vector('time_step.bias'),
      gateNorm: first ? null : await this.#norm(`${prefix}gate_norm`, norm),
    };
  }

  /** −exp(a_log), or what GGUF stores as such. */
  async #decay(prefix: string): Promise<Float32Array> {
    const stored = await this.#optional(`${prefix}a`);
    return stored ?? (await this.#vector(`${prefix}a_log`)).map((value) => -Math.exp(value));
  }

  async #norm(name: string, spec: NormSpec | null): Promise<NativeNorm | null> {
    if (!spec) return null;
    const stored = await this.#vector(`${name}.weight`);
    const weight = spec.weightOffset === 0 ? stored : stored.map((value) => value + spec.weightOffset);
    return { kind: spec.kind, epsilon: spec.epsilon, weight, bias: await this.#optional(`${name}.bias`) };
  }

  async #linear(name: string): Promise<NativeLinear> {
    const packed = await this.#pack(`${name}.weight`);
    return { ...packed, bias: await this.#optional(`${name}.bias`) };
  }

  async #pack(name: string): Promise<Pick<NativeLinear, 'matrix' | 'columnOrder'>> {
    const ref = this.#ref(name);
    this.#progress.signal?.throwIfAborted();
    const { packed, columnOrder } = await this.#weights.matrix(name, ref);
    this.weightsBytes += packed.bytes;
    this.layoutBytes.set(packed.layout, (this.layoutBytes.get(packed.layout) ?? 0) + packed.bytes);
    this.#advance(ref);
    return { matrix: packed.number, columnOrder };
  }

  async #vector(name: string): Promise<Float32Array> {
    const ref = this.#ref(name);
    const values = await this.#weights.vector(name, ref);
    this.weightsBytes += values.byteLength;
    this.vectorBytes += values.byteLength;
    this.#advance(ref);
    return values;
  }

  #optional(name: string): Promise<Float32Array | null> {
    return this.#model.weights.has(name) ? this.#vector(name) : Promise.resolve(null);
  }

  #ref(name: string): WeightRef {
    const ref = this.#model.weights.get(name);
    if (!ref) throw badFile('missing', { field: name });
    return ref;
  }

  #advance(ref: WeightRef): void {
    this.#done += elements(ref);
    this.#progress.onProgress?.(this.#done, this.#total);
  }
}
