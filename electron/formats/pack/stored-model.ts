/** A ModelSource in JSON without its places in files, and back: with the checks that its own format's reader makes. */
import { badFile } from '../../contract/errors.ts';
import type { ModelSource, QuantizedMatrix, TensorInfo } from '../../contract/model-source.ts';
import { describeGguf, type GgufDescription } from '../gguf/describe.ts';
import { GgufMetadata, type ValueType } from '../gguf/metadata.ts';
import { checkTokenizer } from '../huggingface/folder-files.ts';
import { typeTraits } from '../tensor-types.ts';
import type { StoredHeader, StoredMatrix, StoredTensor } from './schema.ts';
import { restoreValue, storeValue } from './values.ts';

/** What of a header describes the model. */
export type StoredModel = Pick<StoredHeader, 'model' | 'tensors' | 'quantized'>;
type Described = GgufDescription & Pick<ModelSource, 'tensors' | 'matrices'>;

export function storeModel(source: ModelSource): StoredModel {
  return {
    model: storeDescription(source),
    tensors: [...source.tensors.values()].map(storeTensor),
    quantized: [...source.matrices.values()].map(storeMatrix),
  };
}

function storeDescription(source: ModelSource): StoredModel['model'] {
  const { metadata, architecture, tokenizer, templates, special, generation } = source;
  if (metadata.kind === 'gguf') {
    const values = [...metadata.values].map(([key, value]): [string, ReturnType<typeof storeValue>] => [
      key,
      storeValue(value),
    ]);
    return { kind: 'gguf', values };
  }
  return {
    kind: 'huggingface',
    architecture,
    config: metadata.config,
    tokenizer:
      tokenizer?.kind === 'huggingface' ? { tokenizer: tokenizer.tokenizer, config: tokenizer.config } : null,
    templates: templates.map(({ name, template }) => ({ name, template })),
    special,
    generation,
  };
}

const storeTensor = ({ name, type, shape }: TensorInfo): StoredTensor => [name, type, [...shape]];

function storeMatrix({ codes, scales, zeroPoints, groupIndex, ...facts }: QuantizedMatrix): StoredMatrix {
  return {
    ...facts,
    codes: storeTensor(codes),
    scales: storeTensor(scales),
    zeroPoints: zeroPoints && storeTensor(zeroPoints),
    groupIndex: groupIndex && storeTensor(groupIndex),
  };
}

/** Throws bad-file and unsupported-format as the reader of the model's own format does. */
export function restoreModel({ model, tensors, quantized }: StoredModel, file: string): Described {
  const weights = {
    tensors: byName(
      tensors.map((tensor) => restoreTensor(tensor, file)),
      file,
    ),
    matrices: byName(
      quantized.map((matrix) => restoreMatrix(matrix, file)),
      file,
    ),
  };
  if (model.kind === 'gguf')
    return { ...describeGguf(restoreMetadata(model.values, file), weights.tensors), ...weights };
  const { config, tokenizer, kind, ...facts } = model;
  if (tokenizer) checkTokenizer({ name: file, value: tokenizer.tokenizer });
  return {
    ...facts,
    generation: model.generation as ModelSource['generation'],
    metadata: { kind, config },
    tokenizer: tokenizer && { kind, ...tokenizer },
    ...weights,
  };
}

function byName<Item extends { readonly name: string }>(
  items: readonly Item[],
  file: string,
): Map<string, Item> {
  const map = new Map<string, Item>();
  for (const item of items) {
    if (map.has(item.name)) throw badFile('the name occurs twice', { file, field: item.name });
    map.set(item.name, item);
  }
  return map;
}

/** A tensor that lies in no file: reading it is refused. */
function restoreTensor([name, type, shape]: StoredTensor, file: string): TensorInfo {
  const { blockElements, blockBytes } = typeTraits(type);
  const elements = shape.reduce((product, size) => product * size, 1);
  const bytes = Math.ceil(elements / blockElements) * blockBytes;
  if (!Number.isSafeInteger(bytes)) throw badFile('the number of elements overflows', { file, field: name });
  return { name, type, shape, file: -1, offset: 0, bytes };
}

function restoreMatrix(
  { codes, scales, zeroPoints, groupIndex, ...facts }: StoredMatrix,
  file: string,
): QuantizedMatrix {
  return {
    ...facts,
    codes: restoreTensor(codes, file),
    scales: restoreTensor(scales, file),
    zeroPoints: zeroPoints && restoreTensor(zeroPoints, file),
    groupIndex: groupIndex && restoreTensor(groupIndex, file),
  };
}

type StoredValues = Extract<StoredModel['model'], { kind: 'gguf' }>['values'];

function restoreMetadata(values: StoredValues, file: string): GgufMetadata {
  const metadata = new GgufMetadata(file);
  for (const [key, stored] of values) {
    const value = restoreValue(stored);
    if (metadata.values.has(key)) throw badFile('the key appears twice', { file, field: key });
    if (value === null) throw badFile('not whole numbers of its type', { file, field: key });
    metadata.add(key, value, { offset: null, type: typeOf(value) });
  }
  return metadata;
}

function typeOf(value: NonNullable<ReturnType<typeof restoreValue>>): ValueType {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'i64';
    case 'object':
      return 'array';
    default:
      return 'f64';
  }
}
