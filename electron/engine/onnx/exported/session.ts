/** A session over an exported decoder. With a cache each run appends to it; without one every call computes the whole sequence anew. */
import { basename } from 'node:path';
import { badFile, LabError } from '../../../contract/errors.ts';
import type { EvaluateInput, EvaluateResult, Session } from '../../engine.ts';
import { runOnnxSession, Tensor, type OnnxSession } from '../runtime.ts';
import { readSessionFile, writeSessionFile, type SavedTensor } from '../session-file.ts';
import { checkInput, type Batch } from './batch.ts';
import type { DecoderInputs, IntegerType } from './decoder-inputs.ts';
import {
  emptyPast,
  feedTensor,
  floatTensor,
  fromOutput,
  outputFloats,
  pastBytes,
  pastFloats,
  pastFromFloats,
  slicePast,
  type PastTensor,
} from './past.ts';

export interface ExportedModel {
  readonly inputs: DecoderInputs;
  /** Identity and settings that a saved session must match. */
  readonly signature: string;
  readonly graph: OnnxSession;
  /** Most tokens of one run. */
  readonly chunkTokens: number;
}

/** Everything a session holds: replaced as a whole, so that a failed call leaves the one before. */
interface State {
  readonly length: number;
  readonly past: readonly PastTensor[];
  /** Ids so far, for graphs without a cache; else empty. */
  readonly ids: Int32Array;
}

/** One run of the graph: `count` tokens of the batch from `start`, of which the last `kept` must have logits. */
interface Run {
  readonly start: number;
  readonly count: number;
  readonly kept: number;
}

export class ExportedSession implements Session {
  readonly context: number;
  readonly #model: ExportedModel;
  #state: State;

  constructor(model: ExportedModel, context: number) {
    this.#model = model;
    this.context = context;
    this.#state = emptyState(model.inputs);
  }

  get length(): number {
    return this.#state.length;
  }

  get kvBytes(): number {
    return pastBytes(this.#state.past);
  }

  async evaluate(input: EvaluateInput, signal?: AbortSignal): Promise<EvaluateResult> {
    const { inputs } = this.#model;
    const batch = checkInput(inputs, input, { length: this.length, context: this.context });
    const started = process.hrtime.bigint();
    const logits = new Float32Array(batch.rows.length * inputs.vocabularySize);
    const before = this.#state;
    try {
      if (inputs.past.length === 0) await this.#evaluateAnew(batch, logits, signal);
      else await this.#append(batch, logits, signal);
      throwIfAborted(signal);
    } catch (error) {
      this.#state = before;
      throw error;
    }
    const evaluate = Number(process.hrtime.bigint() - started);
    return { logits, rows: batch.rows.length, timeNs: { evaluate } };
  }

  async #append(batch: Batch, logits: Float32Array, signal: AbortSignal | undefined): Promise<void> {
    const { chunkTokens } = this.#model;
    for (let start = 0; start < batch.count; start += chunkTokens) {
      throwIfAborted(signal);
      const run = runOf(batch, start, Math.min(chunkTokens, batch.count - start));
      const total = this.#state.length + run.count;
      const outputs = await this.#run(batch, run, this.#state.length);
      const past = this.#model.inputs.past.map((slot) => fromOutput(outputs[slot.output]!));
      const wrong = past.findIndex((tensor) => tensor.shape.length !== 4 || tensor.shape[2] !== total);
      if (wrong !== -1) {
        const name = this.#model.inputs.past[wrong]!.output;
        throw new LabError(
          'unsupported-feature',
          `The graph's ${name} does not hold all ${total} positions.`,
        );
      }
      if (run.kept > 0) this.#copyRows(batch, run, outputs['logits']!, logits);
      this.#state = { ...this.#state, past, length: total };
    }
  }

  /** The rows of earlier calls come before this batch's: the run sees all ids, the batch's rows are its last. */
  async #evaluateAnew(batch: Batch, logits: Float32Array, signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal);
    const ids = new Int32Array(this.#state.length + batch.count);
    ids.set(this.#state.ids);
    ids.set(batch.ids ?? [], this.#state.length);
    const kept = runOf(batch, 0, batch.count).kept;
    if (kept > 0) {
      const positions = Int32Array.from({ length: ids.length }, (_, i) => i);
      const whole = { ...batch, ids, positions, count: ids.length };
      const outputs = await this.#run(whole, { start: 0, count: ids.length, kept }, 0);
      this.#copyRows(batch, { start: 0, count: batch.count, kept }, outputs['logits']!, logits);
    }
    this.#state = { length: ids.length, ids, past: [] };
  }

  #run(batch: Batch, run: Run, pastLength: number): Promise<Readonly<Record<string, Tensor>>> {
    const { graph, inputs } = this.#model;
    const outputs = inputs.past.map((slot) => slot.output);
    const fetches = run.kept > 0 ? ['logits', ...outputs] : outputs;
    return runOnnxSession(graph, this.#feeds(batch, run, pastLength), fetches);
  }

  #feeds(batch: Batch, { start, count, kept }: Run, pastLength: number): Record<string, Tensor> {
    const { tokens, mask, positions, keep, hasCacheBranch, past, hiddenSize } = this.#model.inputs;
    const feeds: Record<string, Tensor> = {};
    if (tokens.kind === 'ids') {
      feeds['input_ids'] = integers(tokens.type, batch.ids!.subarray(start, start + count), [1, count]);
    } else {
      const rows = batch.embeddings!.slice(start * hiddenSize, (start + count) * hiddenSize);
      feeds['inputs_embeds'] = floatTensor(tokens.type, rows, [1, count, hiddenSize]);
    }
    const total = pastLength + count;
    if (mask) feeds['attention_mask'] = integers(mask, new Int32Array(total).fill(1), [1, total]);
    if (positions) {
      const { axes, type } = positions;
      const values = new Int32Array(axes * count);
      for (let axis = 0; axis < axes; axis++) {
        const from = axis * batch.count + start;
        values.set(batch.positions.subarray(from, from + count), axis * count);
      }
      feeds['position_ids'] = integers(type, values, axes === 1 ? [1, count] : [axes, 1, count]);
    }
    // 0 would mean all rows: at least one is computed.
    if (keep)
      feeds['num_logits_to_keep'] = integers(keep.type, [Math.max(1, kept)], keep.isScalar ? [] : [1]);
    if (hasCacheBranch) feeds['use_cache_branch'] = new Tensor('bool', [pastLength > 0], [1]);
    past.forEach((slot, i) => {
      feeds[slot.input] = feedTensor(this.#state.past[i]!);
    });
    return feeds;
  }

  /** The graph returned the logits of its last rows: all, those asked for, or only one where its head was pruned. */
  #copyRows(batch: Batch, { start, count, kept }: Run, tensor: Tensor, logits: Float32Array): void {
    const width = this.#model.inputs.vocabularySize;
    const returned = tensor.dims[1] ?? 0;
    if (tensor.dims[2] !== width) {
      throw new LabError('engine-failed', `The graph returned logits of shape [${tensor.dims.join(', ')}].`);
    }
    if (returned < kept) {
      const message = `The graph returns logits of the last ${returned} tokens only, ${kept} were asked for.`;
      throw new LabError('unsupported-feature', message);
    }
    const values = outputFloats(tensor);
    // Counted from the end: a graph without a cache returns rows of earlier calls too.
    const offset = returned - count - start;
    batch.rows.forEach((row, target) => {
      if (row < start || row >= start + count) return;
      const at = (offset + row) * width;
      logits.set(values.subarray(at, at + width), target * width);
    });
  }

  rollback(count: number): void {
    this.truncate(this.#state.length - count);
  }

  truncate(length: number): void {
    const { length: held, ids, past } = this.#state;
    if (!Number.isInteger(length) || length < 0 || length > held) {
      throw new LabError('bad-request', `Cannot keep ${length} of ${held} positions.`);
    }
    if (length === held) return;
    this.#state = {
      length,
      ids: ids.slice(0, length),
      past: past.map((tensor) => slicePast(tensor, length)),
    };
  }

  fork(): Session {
    const copy = new ExportedSession(this.#model, this.context);
    copy.#state = this.#state;
    return copy;
  }

  async save(file: string, told?: readonly number[]): Promise<void> {
    const { length, ids, past } = this.#state;
    const cached = past.map((tensor) => ({ shape: tensor.shape, data: pastFloats(tensor) }));
    // Ids are below 2^24 and so exact in float32, the one type of saved tensors.
    const tensors: SavedTensor[] =
      past.length > 0 ? cached : [{ shape: [ids.length], data: Float32Array.from(ids) }];
    const positions = Int32Array.from({ length }, (_, i) => i);
    const { signature } = this.#model;
    await writeSessionFile(file, { signature, length, ids: told, positions, tensors });
  }

  async restore(file: string): Promise<readonly number[] | null> {
    const { signature, inputs } = this.#model;
    const { length, ids: told = null, tensors } = await readSessionFile(file, signature);
    if (length > this.context) {
      throw new LabError(
        'context-full',
        `${basename(file)} has ${length} positions, this session room for ${this.context}.`,
        { file: basename(file) },
      );
    }
    const fail = (field: string): never => {
      throw badFile('the saved tensor does not fit the model', { file: basename(file), field });
    };
    if (inputs.past.length === 0) {
      const saved = tensors[0];
      if (!saved || saved.data.length !== length) return fail('tensor.0');
      this.#state = { length, ids: Int32Array.from(saved.data), past: [] };
      return told;
    }
    const past = inputs.past.map(({ type, heads, dimension }, i) => {
      const shape = [1, heads, length, dimension];
      const saved = tensors[i];
      if (!saved || saved.shape.join() !== shape.join()) return fail(`tensor.${i}`);
      return pastFromFloats(type, shape, saved.data);
    });
    this.#state = { length, past, ids: new Int32Array(0) };
    return told;
  }

  close(): void {
    this.#state = emptyState(this.#model.inputs);
  }
}

function emptyState(inputs: DecoderInputs): State {
  return { length: 0, past: emptyPast(inputs.past), ids: new Int32Array(0) };
}

/** Of the chunk's tokens those from the first chosen row on must have logits. */
function runOf(batch: Batch, start: number, count: number): Run {
  let first = start + count;
  for (const row of batch.rows) if (row >= start && row < first) first = row;
  return { start, count, kept: start + count - first };
}

function integers(type: IntegerType, values: ArrayLike<number>, shape: readonly number[]): Tensor {
  return type === 'I64'
    ? new Tensor(
        'int64',
        BigInt64Array.from({ length: values.length }, (_, i) => BigInt(values[i]!)),
        shape,
      )
    : new Tensor('int32', Int32Array.from(values), shape);
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new LabError('cancelled', 'Cancelled.');
}
