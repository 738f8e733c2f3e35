/** Opens a decoder that was exported as ONNX and runs it as it is: the graph's own operators, quantization and cache. */
import { join } from 'node:path';
import { LabError } from '../../../contract/errors.ts';
import type { ModelSource } from '../../../contract/model-source.ts';
import { modelIdentity } from '../../../formats/identity.ts';
import type { Arithmetic, Engine, EngineInfo, Session, SessionOptions } from '../../engine.ts';
import { chunkTokens, onnxruntimeVersion, openOnnxSession, type OnnxDevice } from '../runtime.ts';
import { contextLength, decoderInputs, kvBytesPerToken } from './decoder-inputs.ts';
import { ExportedSession, type ExportedModel } from './session.ts';

export interface OpenExportedOptions {
  /** Recorded only: the activations' precision is written into the graph. */
  readonly arithmetic: Arithmetic;
  readonly device: OnnxDevice;
  readonly threads: number;
}

/**
 * `source` comes from readOnnxFolder, which checked every file the graph names. Throws unsupported-feature, unsupported-type or bad-file for
 * declarations no text decoder has, and what loading throws (no-device, unsupported-operator, out-of-memory, bad-file).
 */
export async function openExportedDecoder(
  source: ModelSource,
  options: OpenExportedOptions,
): Promise<Engine> {
  const inputs = decoderInputs(source);
  const identity = await modelIdentity(source);
  // By its name in the folder, not the resolved path: in a Hugging Face cache the data's names exist only beside the link.
  const graph = await openOnnxSession(join(source.folder, inputs.fileName), options);
  const signature = `${identity} exported`;
  const model = { inputs, graph, signature, chunkTokens: chunkTokens[options.device] };
  return new ExportedEngine(model, engineInfo(source, model, options));
}

function engineInfo(
  source: ModelSource,
  { inputs }: ExportedModel,
  options: OpenExportedOptions,
): EngineInfo {
  const note = 'The graph has no cache: every token computes the whole sequence again, O(n²).';
  return {
    engine: 'onnx',
    arithmetic: options.arithmetic,
    device: options.device,
    threads: options.threads,
    versions: {
      onnxruntime: onnxruntimeVersion,
      graph: 'exported',
      ...(inputs.past.length === 0 ? { note } : {}),
    },
    vocabularySize: inputs.vocabularySize,
    hiddenSize: inputs.hiddenSize,
    contextLength: contextLength(source),
    weightsBytes: [...source.tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0),
    kvCodec: inputs.past.some(({ type }) => type === 'F16') ? 'f16' : 'f32',
    kvBytesPerToken: kvBytesPerToken(inputs.past),
  };
}

class ExportedEngine implements Engine {
  readonly info: EngineInfo;
  readonly #model: ExportedModel;

  constructor(model: ExportedModel, info: EngineInfo) {
    this.#model = model;
    this.info = info;
  }

  /** Positions beyond the model's are not given: tables inside the graph end there. */
  createSession({ context }: SessionOptions): Promise<Session> {
    if (!Number.isInteger(context) || context < 1) {
      return Promise.reject(new LabError('bad-request', 'A session needs room for at least one position.'));
    }
    return Promise.resolve(new ExportedSession(this.#model, Math.min(context, this.info.contextLength)));
  }

  async close(): Promise<void> {
    await this.#model.graph.release();
  }
}
