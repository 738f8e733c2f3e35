/**
 * The one place that opens onnxruntime sessions: options in, coded errors out. Models are loaded by path, so that external data is
 * found beside them; every location must have been checked by electron/formats/onnx before.
 */
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { basename, dirname } from 'node:path';
import { LabError, type ErrorCode, type ErrorDetail } from '../../contract/errors.ts';

export { Tensor };
export type OnnxSession = InferenceSession;
export type OnnxDevice = 'cpu' | 'webgpu';

/**
 * Most tokens of one graph run: bounds the logits and scores in memory, and the wait for a cancellation. WebGPU's GroupQueryAttention
 * in onnxruntime 1.30 gives wrong scores for 32 new tokens or more on SwiftShader (differences of 0.2 against the CPU), so it gets fewer.
 */
export const chunkTokens: Readonly<Record<OnnxDevice, number>> = { cpu: 256, webgpu: 16 };

export interface RuntimeOptions {
  /** Threads inside one operator; there is one operator at a time. */
  readonly threads: number;
  readonly device: OnnxDevice;
  /** Which graph rewrites onnxruntime makes at load. Default: all. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
}

/** Version of onnxruntime, for the record of a run. */
export const onnxruntimeVersion: string = env.versions.node ?? env.versions.common;

/**
 * Loads the model at `path` (absolute). Throws `no-device` without a GPU adapter, `unsupported-type` for float16 on a GPU without it, `out-of-memory`, `unsupported-operator` with its name in
 * detail.operator, `bad-file` where onnxruntime refuses the graph.
 */
export async function openOnnxSession(path: string, options: RuntimeOptions): Promise<OnnxSession> {
  try {
    return await InferenceSession.create(path, {
      executionProviders: [options.device],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: options.optimization ?? 'all',
      logSeverityLevel: 4,
    });
  } catch (error) {
    throw onnxError(error, path);
  }
}

/** Runs a session once; `fetches` names the outputs to copy out, all where absent. */
export async function runOnnxSession(
  session: OnnxSession,
  feeds: Readonly<Record<string, Tensor>>,
  fetches?: readonly string[],
): Promise<Readonly<Record<string, Tensor>>> {
  try {
    const options = { logSeverityLevel: 4 } as const;
    return await (fetches ? session.run(feeds, fetches, options) : session.run(feeds, options));
  } catch (error) {
    throw onnxError(error);
  }
}

const outOfMemory = /bad.?alloc|failed to allocate|out of memory|cannot allocate/i;
const noDevice = /webgpu adapter|no supported adapters|no available backend|requestadapter|requestdevice/i;
const unregistered = /([\w.]*):(\w+)\(-?\d+\) is not a registered function\/op/;
const unknownToDomain = /no op registered for ()(\w+) with domain_version/i;
const notImplemented = /could not find an implementation for (?:([\w.]+)[.:])?(\w+)\(/i;

const noHalf = /requires f16 but the device does not support it/;

/** Sorts onnxruntime's plain errors by their text: it has no codes of its own in JavaScript. `path`: the model being loaded; absent in a run. */
function onnxError(thrown: unknown, path?: string): LabError {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const file = path === undefined ? undefined : basename(path);
  const detail = file === undefined ? {} : { file };
  const error = (code: ErrorCode, message: string, more: ErrorDetail = {}) =>
    new LabError(code, message, { ...detail, ...more }, { cause: thrown });
  if (noDevice.test(text)) return error('no-device', 'No GPU adapter was found for WebGPU.');
  if (noHalf.test(text)) return error('unsupported-type', 'The GPU cannot compute in float16.');
  if (outOfMemory.test(text)) {
    return error('out-of-memory', `No memory was left to ${file ? 'load' : 'run'} the model.`);
  }
  const named = unregistered.exec(text) ?? unknownToDomain.exec(text) ?? notImplemented.exec(text);
  if (named) {
    const operator = `${named[1] || 'ai.onnx'}:${named[2] ?? ''}`;
    const message = `onnxruntime has no ${operator} that fits this graph and device.`;
    return error('unsupported-operator', message, { operator });
  }
  const reason = withoutPaths(text, path).slice(0, 500);
  if (file === undefined) return error('engine-failed', `onnxruntime: ${reason}`);
  return error('bad-file', `${file}: onnxruntime refuses the model: ${reason}`);
}

/** Neither onnxruntime's own source files nor the model's absolute path help a person. */
function withoutPaths(text: string, path: string | undefined): string {
  const own = text.replaceAll(/\/onnxruntime_src\/\S*:\d+\s*/g, '');
  return path === undefined ? own : own.replaceAll(path, basename(path)).replaceAll(dirname(path), '');
}
