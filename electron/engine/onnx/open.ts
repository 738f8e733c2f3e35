/** Opens any ModelSource whose architecture is known: its decoder graph is built once into the cache, then run. */
import { join } from 'node:path';
import { LabError } from '../../contract/errors.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import { modelIdentity } from '../../formats/identity.ts';
import { readWeight } from '../../formats/read-weight.ts';
import type { ModelSpec, ResolvedModel } from '../../../models/families/model-spec.ts';
import type { Arithmetic, Engine, EngineInfo, Session, SessionOptions } from '../engine.ts';
import { openEmbeddingTable } from './embedding-table.ts';
import { findOrBuildGraph, graphFileName, type BuiltGraph } from './graph/build.ts';
import type { GraphVariant } from './graph/decoder-graph.ts';
import type { BuildProgress } from './graph/write-weights.ts';
import { createRopeTable } from './rope-table.ts';
import {
  chunkTokens,
  onnxruntimeVersion,
  openOnnxSession,
  type OnnxDevice,
  type OnnxSession,
} from './runtime.ts';
import { BuiltSession, type BuiltModel } from './session.ts';

export interface OpenBuiltOptions extends BuildProgress {
  readonly arithmetic: Arithmetic;
  readonly device: OnnxDevice;
  readonly threads: number;
  /** Absolute; built graphs stay here. */
  readonly cacheFolder: string;
}

/** Throws unsupported-feature for layers without an ONNX graph (state space), and whatever reading, building or loading throws. */
export async function openBuiltDecoder(
  source: ModelSource,
  model: ResolvedModel,
  options: OpenBuiltOptions,
): Promise<Engine> {
  refuseUnsupported(model, options.device);
  const identity = await modelIdentity(source);
  const graph = await findOrBuildGraph(source, model, { ...options, identity });
  const graphs = new GraphSet(graph, options);
  await graphs.get({ hidden: false, tree: false });
  const built = await builtModel(source, model, graphs, {
    signature: `${identity} onnx ${options.arithmetic}`,
    chunkTokens: chunkTokens[options.device],
  });
  return new BuiltEngine(built, graphs, engineInfo(model, graph, options));
}

function refuseUnsupported({ spec }: ResolvedModel, device: OnnxDevice): void {
  for (const layer of spec.layers) {
    if (layer.kind !== 'attention') {
      throw new LabError(
        'unsupported-feature',
        `The onnx engine has no graph for ${spec.family}'s state-space layers.`,
      );
    }
    // WebGPU's GroupQueryAttention leaves the soft cap out without a word (onnxruntime 1.30).
    if (device === 'webgpu' && layer.attention.softcap !== null) {
      throw new LabError(
        'unsupported-feature',
        `onnxruntime's WebGPU attention has no soft cap, which ${spec.family} needs: use --device cpu.`,
      );
    }
  }
}

/** Loads each variant of the graph when it is first asked for: most sessions need only the plain one. */
class GraphSet {
  readonly #graph: BuiltGraph;
  readonly #options: OpenBuiltOptions;
  readonly #loaded = new Map<string, Promise<OnnxSession>>();

  constructor(graph: BuiltGraph, options: OpenBuiltOptions) {
    this.#graph = graph;
    this.#options = options;
  }

  get(variant: GraphVariant): Promise<OnnxSession> {
    const file = graphFileName(variant);
    let session = this.#loaded.get(file);
    if (!session) {
      session = openOnnxSession(join(this.#graph.folder, file), this.#options);
      this.#loaded.set(file, session);
    }
    return session;
  }

  async close(): Promise<void> {
    for (const session of this.#loaded.values()) await (await session).release();
    this.#loaded.clear();
  }
}

async function builtModel(
  source: ModelSource,
  model: ResolvedModel,
  graphs: GraphSet,
  settings: Pick<BuiltModel, 'signature' | 'chunkTokens'>,
): Promise<BuiltModel> {
  const factors = new Map<string, Float32Array>();
  for (const [name, ref] of model.weights) {
    if (name.startsWith('rope_factors')) factors.set(name, await readWeight(source, ref));
  }
  const embeddings = await openEmbeddingTable(
    source,
    model.weights.get('embedding.weight')!,
    model.spec.embedding.scale,
  );
  return {
    spec: model.spec,
    ...settings,
    embeddings,
    ropeTable: (rope, context) =>
      createRopeTable(model.spec.ropes[rope]!, context, (name) => factors.get(name)!),
    graph: (variant) => graphs.get(variant),
  };
}

function engineInfo(model: ResolvedModel, graph: BuiltGraph, options: OpenBuiltOptions): EngineInfo {
  const { spec } = model;
  return {
    engine: 'onnx',
    arithmetic: options.arithmetic,
    device: options.device,
    threads: options.threads,
    versions: { onnxruntime: onnxruntimeVersion },
    vocabularySize: spec.vocabularySize,
    hiddenSize: spec.hiddenSize,
    contextLength: spec.contextLength,
    weightsBytes: graph.weightsBytes,
    kvCodec: 'f32',
    kvBytesPerToken: kvFloats(spec) * 4,
  };
}

/** A key and a value row of each KV head; all layers attend. */
function kvFloats({ layers }: ModelSpec): number {
  return layers.reduce((sum, layer) => {
    if (layer.kind !== 'attention') return sum;
    return sum + 2 * layer.attention.keyValueHeads * layer.attention.headDimension;
  }, 0);
}

class BuiltEngine implements Engine {
  readonly info: EngineInfo;
  readonly #model: BuiltModel;
  readonly #graphs: GraphSet;

  constructor(model: BuiltModel, graphs: GraphSet, info: EngineInfo) {
    this.#model = model;
    this.#graphs = graphs;
    this.info = info;
  }

  createSession({ context }: SessionOptions): Promise<Session> {
    if (!Number.isInteger(context) || context < 1) {
      return Promise.reject(new LabError('bad-request', 'A session needs room for at least one position.'));
    }
    return Promise.resolve(new BuiltSession(this.#model, context));
  }

  async close(): Promise<void> {
    this.#model.embeddings.close();
    await this.#graphs.close();
  }
}
