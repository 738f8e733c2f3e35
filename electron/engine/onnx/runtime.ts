/**
 * The one place that opens onnxruntime sessions: options in, coded errors out. Models are loaded by path, so that external data is
 * found beside them; every location must have been checked by electron/formats/onnx before.
 */
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { basename } from 'node:path';
import { LabError } from '../../contract/errors.ts';

export { Tensor };
export type OnnxSession = InferenceSession;
export type OnnxDevice = 'cpu' | 'webgpu';

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
 * Loads the model at `path` (absolute). Throws `no-device` without a GPU adapter, `out-of-memory`, `unsupported-operator` with its name in
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
    throw onnxError(error, basename(path), 'load');
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
    throw onnxError(error, undefined, 'run');
  }
}

const outOfMemory = /bad.?alloc|failed to allocate|out of memory|cannot allocate/i;
const noDevice = /webgpu adapter|no supported adapters|no available backend|requestadapter|requestdevice/i;
const unregistered = /([\w.]*):(\w+)\(-?\d+\) is not a registered function\/op/;
const unknownToDomain = /no op registered for ()(\w+) with domain_version/i;
const notImplemented = /could not find an implementation for (?:([\w.]+)[.:])?(\w+)\(/i;

/** Sorts onnxruntime's plain errors by their text: it has no codes of its own in JavaScript. */
function onnxError(thrown: unknown, file: string | undefined, step: 'load' | 'run'): LabError {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const cause = { cause: thrown };
  const detail = file === undefined ? {} : { file };
  if (noDevice.test(text))
    return new LabError('no-device', 'No GPU adapter was found for WebGPU.', {}, cause);
  if (outOfMemory.test(text)) {
    return new LabError(
      'out-of-memory',
      `onnxruntime could not ${step} the model: no memory.`,
      detail,
      cause,
    );
  }
  const named = unregistered.exec(text) ?? unknownToDomain.exec(text) ?? notImplemented.exec(text);
  if (named) {
    const operator = `${named[1] || 'ai.onnx'}:${named[2] ?? ''}`;
    const message = `onnxruntime has no ${operator} that fits this graph and device.`;
    return new LabError('unsupported-operator', message, { ...detail, operator }, cause);
  }
  // Paths inside onnxruntime's message are its own source files or the model's path: neither helps a person.
  const reason = text.replaceAll(/\/\S*\/(?=[^/\s]+)/g, '').slice(0, 500);
  if (step === 'run') return new LabError('engine-failed', `onnxruntime: ${reason}`, detail, cause);
  return new LabError(
    'bad-file',
    `${file ?? 'model'}: onnxruntime refuses the model: ${reason}`,
    detail,
    cause,
  );
}
