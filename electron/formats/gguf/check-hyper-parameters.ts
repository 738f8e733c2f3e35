/** Rules that the numbers of a GGUF model must keep among themselves, whatever the family. */
import type { TensorInfo } from '../../contract/model-source.ts';
import type { GgufMetadata } from './metadata.ts';

/** Keys that must be positive where they are present. */
const positiveKeys = [
  'block_count',
  'context_length',
  'embedding_length',
  'vocab_size',
  'attention.key_length',
  'attention.value_length',
];
/** Keys that may be 0: no rotation, no cap, no scaling. */
const numberKeys = [
  'attention.layer_norm_rms_epsilon',
  'attention.layer_norm_epsilon',
  'rope.dimension_count',
  'rope.freq_base',
  'rope.scaling.factor',
  'rope.scaling.original_context_length',
  'attn_logit_softcapping',
  'final_logit_softcapping',
];
const integerLimit = 2 ** 31;

/** Throws bad-file naming the key whose value contradicts another, or the tensors. */
export function checkHyperParameters(
  metadata: GgufMetadata,
  architecture: string,
  tensors: ReadonlyMap<string, TensorInfo>,
): void {
  for (const name of positiveKeys) positiveInteger(metadata, `${architecture}.${name}`);
  for (const name of numberKeys) {
    const key = `${architecture}.${name}`;
    const value = metadata.number(key);
    if (value !== null && value < 0)
      throw metadata.fail(key, `the value is ${value}, it may not be negative`);
  }
  checkBlockCount(metadata, `${architecture}.block_count`, tensors.size);
  checkHeads(metadata, architecture);
  perLayer(metadata, architecture, 'feed_forward_length');
  checkExperts(metadata, architecture);
}

function positiveInteger(metadata: GgufMetadata, key: string): number | null {
  const value = metadata.integer(key);
  if (value !== null && (value === 0 || value >= integerLimit)) {
    throw metadata.fail(key, `the value is ${value}, it must be between 1 and ${integerLimit - 1}`);
  }
  return value;
}

/** Every block has at least one tensor; a file with none is a vocabulary. */
function checkBlockCount(metadata: GgufMetadata, key: string, tensorCount: number): void {
  const blocks = metadata.integer(key);
  if (blocks !== null && tensorCount > 0 && blocks > tensorCount) {
    throw metadata.fail(key, `${blocks} blocks, but the file has only ${tensorCount} tensors`);
  }
}

interface PerLayer {
  readonly key: string;
  readonly isArray: boolean;
  readonly at: (layer: number) => number;
}

/** A value that is one number for all blocks or an array with one number per block. */
function perLayer(metadata: GgufMetadata, architecture: string, name: string): PerLayer | null {
  const key = `${architecture}.${name}`;
  const value = metadata.values.get(key);
  if (value === undefined) return null;
  if (typeof value !== 'object') {
    const single = metadata.integer(key)!;
    return { key, isArray: false, at: () => single };
  }
  if (!(value instanceof Uint32Array || value instanceof Int32Array)) {
    throw metadata.fail(key, 'an integer or an array of 32-bit integers was expected');
  }
  const blocks = metadata.integer(`${architecture}.block_count`);
  if (value.length !== blocks) {
    throw metadata.fail(
      key,
      `the array has ${value.length} items for ${blocks ?? 'an unknown number of'} blocks`,
    );
  }
  if (value.some((item) => item < 0)) throw metadata.fail(key, 'the array holds a negative number');
  return { key, isArray: true, at: (layer) => value[layer]! };
}

function checkHeads(metadata: GgufMetadata, architecture: string): void {
  const heads = perLayer(metadata, architecture, 'attention.head_count');
  const keyHeads = perLayer(metadata, architecture, 'attention.head_count_kv');
  if (heads === null) return;
  // State-space models state 0 heads; hybrids do so for some layers, in an array.
  const hasState = [...metadata.values.keys()].some((key) => /\.(ssm|wkv)\./.test(key));
  for (const { key, isArray, at } of [heads, keyHeads].filter((value) => value !== null)) {
    if (!isArray && !hasState && at(0) === 0) throw metadata.fail(key, 'there are 0 heads');
  }
  const layers = heads.isArray || keyHeads?.isArray ? metadata.integer(`${architecture}.block_count`)! : 1;
  for (let layer = 0; layer < layers; layer++) {
    const count = heads.at(layer);
    const keyCount = keyHeads?.at(layer) ?? count;
    if (count > 0 && keyCount > 0 && count % keyCount !== 0) {
      throw metadata.fail(keyHeads!.key, `${keyCount} key-value heads do not divide ${count} heads`);
    }
  }
  if (!heads.isArray) checkHeadWidth(metadata, architecture, heads.at(0));
}

/** Without key_length a head is embedding_length / head_count wide. */
function checkHeadWidth(metadata: GgufMetadata, architecture: string, heads: number): void {
  const width = metadata.integer(`${architecture}.embedding_length`);
  const hasKeyLength = metadata.integer(`${architecture}.attention.key_length`) !== null;
  if (heads === 0 || width === null || hasKeyLength || width % heads === 0) return;
  throw metadata.fail(
    `${architecture}.attention.head_count`,
    `${heads} heads do not divide the width ${width}`,
  );
}

function checkExperts(metadata: GgufMetadata, architecture: string): void {
  const usedKey = `${architecture}.expert_used_count`;
  const experts = metadata.integer(`${architecture}.expert_count`) ?? 0;
  const used = metadata.integer(usedKey) ?? 0;
  if (used > experts) throw metadata.fail(usedKey, `${used} experts are used of ${experts}`);
  if (used === 0 && experts > 0)
    throw metadata.fail(`${architecture}.expert_count`, `${experts} experts, none is used`);
}
