/** Logits of every position, and what flows between the layers, as one safetensors file. */
import type { Progress } from '../contract/progress.ts';
import { LabError } from '../contract/errors.ts';
import { writeSafetensors, type TensorToWrite } from '../formats/safetensors/write.ts';
import type { Engine, HiddenState } from './engine.ts';

export interface LogitsRequest {
  readonly ids: readonly number[];
  readonly hidden: boolean;
  /** Absolute; its folder exists. */
  readonly out: string;
}

export interface LogitsHooks {
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
}

const chunkTokens = 128;

/** Writes `logits` float32 (S, V) and with `hidden` the engine's hidden states by their names; returns the file's bytes. Throws `context-full`, `cancelled`, and what engine and writer throw. */
export async function writeLogits(
  engine: Engine,
  request: LogitsRequest,
  hooks: LogitsHooks,
): Promise<number> {
  const ids = Int32Array.from(request.ids);
  const { vocabularySize, contextLength } = engine.info;
  if (ids.length > contextLength) {
    throw new LabError('context-full', `${ids.length} ids do not fit: the model holds ${contextLength}.`);
  }
  const logits = new Float32Array(ids.length * vocabularySize);
  const hidden = new Map<string, HiddenState[]>();
  const session = await engine.createSession({ context: ids.length });
  try {
    for (let start = 0; start < ids.length; start += chunkTokens) {
      hooks.onProgress({ phase: 'evaluate', done: start, total: ids.length });
      const chunk = ids.subarray(start, start + chunkTokens);
      const result = await session.evaluate(
        { ids: chunk, rows: 'all', hidden: request.hidden },
        hooks.signal,
      );
      logits.set(result.logits, start * vocabularySize);
      for (const [name, state] of result.hidden ?? []) hidden.set(name, [...(hidden.get(name) ?? []), state]);
    }
  } finally {
    session.close();
  }
  hooks.onProgress({ phase: 'write', done: ids.length, total: ids.length });
  const states = [...hidden].map(([name, parts]) => joined(name, parts));
  const shape = [ids.length, vocabularySize];
  return writeSafetensors(request.out, [{ name: 'logits', type: 'F32', shape, data: logits }, ...states]);
}

/** Chunks one below the other. */
function joined(name: string, parts: readonly HiddenState[]): TensorToWrite {
  const [first] = parts;
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const shape = [rows, ...(first?.shape.slice(1) ?? [])];
  const size = shape.reduce((product, each) => product * each, 1);
  const isInteger = first?.data instanceof Int32Array;
  const data = isInteger ? new Int32Array(size) : new Float32Array(size);
  let offset = 0;
  for (const part of parts) {
    data.set(part.data, offset);
    offset += part.data.length;
  }
  return { name, type: isInteger ? 'I32' : 'F32', shape, data };
}
