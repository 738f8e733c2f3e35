/** Token rows, read and dequantized one by one from the model's own file: the graph holds no second copy of the table. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { LabError } from '../../contract/errors.ts';
import type { ModelSource, TensorInfo } from '../../contract/model-source.ts';
import { dequantize } from '../../formats/dequantize/index.ts';
import { readWeight } from '../../formats/read-weight.ts';
import type { WeightRef } from '../../../models/families/model-spec.ts';

export interface EmbeddingTable {
  readonly width: number;
  /** Rows of the ids, scaled: ids.length × width. */
  rows(ids: Int32Array): Float32Array;
  close(): void;
}

/** Opens the table of `ref` ([vocabulary, width]); `scale` is multiplied onto each row. */
export async function openEmbeddingTable(
  source: ModelSource,
  ref: WeightRef,
  scale: number,
): Promise<EmbeddingTable> {
  const width = ref.shape[1]!;
  if (ref.source.kind === 'tensor' && !ref.transposed) {
    return fileTable(source, ref.source.tensor, ref.rows?.start ?? 0, width, scale);
  }
  // Packed or transposed tables have no rows to read alone.
  const all = await readWeight(source, ref);
  return {
    width,
    rows: (ids) => collect(ids, width, scale, (id) => all.subarray(id * width, (id + 1) * width)),
    close() {},
  };
}

function fileTable(
  source: ModelSource,
  tensor: TensorInfo,
  firstRow: number,
  width: number,
  scale: number,
): EmbeddingTable {
  const file = source.files[tensor.file]!;
  const descriptor = openSync(file.path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  if (fstatSync(descriptor).size !== file.bytes) {
    closeSync(descriptor);
    throw new LabError('bad-file', `${file.name}: the file changed after it was checked.`, {
      file: file.name,
    });
  }
  const rowBytes = (tensor.bytes / tensor.shape.reduce((a, b) => a * b, 1)) * width;
  const buffer = new Uint8Array(rowBytes);
  const readRow = (id: number) => {
    const offset = tensor.offset + (firstRow + id) * rowBytes;
    if (readSync(descriptor, buffer, 0, rowBytes, offset) !== rowBytes) {
      throw new LabError('bad-file', `${file.name}: the file became shorter.`, { file: file.name, offset });
    }
    return dequantize(tensor.type, buffer, width);
  };
  return {
    width,
    rows: (ids) => collect(ids, width, scale, readRow),
    close: () => closeSync(descriptor),
  };
}

function collect(
  ids: Int32Array,
  width: number,
  scale: number,
  row: (id: number) => Float32Array,
): Float32Array {
  const out = new Float32Array(ids.length * width);
  ids.forEach((id, index) => out.set(row(id), index * width));
  if (scale !== 1) {
    // Rounded to float32 first, as the reference models multiply by a float32 tensor.
    const factor = Math.fround(scale);
    for (let i = 0; i < out.length; i++) out[i]! *= factor;
  }
  return out;
}
