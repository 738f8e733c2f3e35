/** F1 of docs/reliability.md: hand-made GGUF files. Each is refused with a typed error that says where, in under five seconds. */
import { mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LabError, type ErrorCode } from '../../electron/contract/errors.ts';
import { readGguf } from '../../electron/formats/gguf/read-gguf.ts';
import {
  ByteWriter,
  gguf,
  tinyGguf,
  tinyTensors,
  type WriterEntry,
  type WriterTensor,
  type WriterValue,
} from '../helpers/gguf-writer.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'retort-hostile-gguf-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function refusal(bytes: Uint8Array): Promise<LabError> {
  await writeFile(join(folder, 'model.gguf'), bytes);
  const start = performance.now();
  const error: unknown = await readGguf(join(folder, 'model.gguf')).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(performance.now() - start).toBeLessThan(5000);
  if (!(error instanceof LabError)) throw new Error(`no LabError but ${String(error)}`);
  return error;
}

interface Case {
  readonly title: string;
  readonly bytes: Uint8Array;
  readonly code?: ErrorCode;
  readonly field: string;
  /** Null where the fault is the absence of something. */
  readonly offset?: number | null;
}

const minimal = (entries: readonly WriterEntry[], changes = {}) => tinyGguf({}, { entries, ...changes });
const raw = (value: ByteWriter): { raw: Uint8Array } => ({ raw: value.bytes() });
const withTensor = (tensor: Partial<WriterTensor>) => {
  const base: WriterTensor = { name: 'bad.weight', dimensions: [32, 2], type: 0 };
  return tinyGguf({}, { tensors: [...tinyTensors, { ...base, ...tensor }] });
};
const changed = (key: string, value: WriterValue) => tinyGguf({ [key]: value });
const good = tinyGguf();
const patched = (offset: number, bytes: Uint8Array) => {
  const copy = Buffer.from(good);
  copy.set(bytes, offset);
  return copy;
};
const u64 = (value: bigint) => new ByteWriter().u64(value).bytes();
const removedIds = [4, 5, 31, 32, 33, 36, 37, 38];

const container: Case[] = [
  { title: 'an empty file', bytes: Buffer.alloc(0), field: 'magic', offset: 0 },
  { title: 'another magic', bytes: patched(0, Buffer.from('GGML')), field: 'magic', offset: 0 },
  { title: 'an HTML page', bytes: Buffer.from('<!DOCTYPE html>'), field: 'magic', offset: 0 },
  ...[0, 1, 99].map((version): Case => ({
    title: `version ${version}`,
    bytes: tinyGguf({}, { version }),
    code: 'unsupported-format',
    field: 'version',
    offset: 4,
  })),
  {
    title: 'a byte-swapped version',
    bytes: tinyGguf({}, { version: 0x03000000 }),
    code: 'unsupported-format',
    field: 'version',
    offset: 4,
  },
  ...[-1n, 2n ** 62n, 65537n, 60000n].flatMap((count): Case[] => [
    { title: `${count} tensors`, bytes: patched(8, u64(count)), field: 'tensor count' },
    { title: `${count} metadata entries`, bytes: patched(16, u64(count)), field: 'metadata count' },
  ]),
];

const entries: Case[] = [
  {
    title: 'a key of 2^64 − 1 bytes',
    bytes: patched(24, u64(2n ** 64n - 1n)),
    field: 'metadata entry 0',
    offset: 24,
  },
  { title: 'an empty key', bytes: minimal([['', gguf.u32(1)]]), field: 'metadata entry 0', offset: 24 },
  {
    title: 'a key with a NUL byte',
    bytes: minimal([['a\0b', gguf.u32(1)]]),
    field: 'metadata entry 0',
    offset: 24,
  },
  {
    title: 'a key that is not UTF-8',
    bytes: minimal([[Uint8Array.of(0xff, 0xfe), gguf.u32(1)]]),
    field: 'metadata entry 0',
    offset: 24,
  },
  {
    title: 'a key that appears twice',
    bytes: minimal([
      ['a', gguf.u32(1)],
      ['a', gguf.u32(1)],
    ]),
    field: 'a',
    offset: 24 + 17,
  },
  {
    title: 'value type 13',
    bytes: minimal([['a', raw(new ByteWriter().u32(13).u64(0))]]),
    field: 'a',
    offset: 33,
  },
  { title: 'an array of arrays', bytes: changed('a', gguf.array('array', [])), field: 'a' },
  {
    title: 'an array of items of type 13',
    bytes: minimal([['a', raw(new ByteWriter().u32(9).u32(13).u64(0))]]),
    field: 'a',
  },
  ...(['u8', 'u32', 'f64', 'string', 'bool', 'u64'] as const).map((items): Case => ({
    title: `an array of 2^61 items of type ${items}`,
    bytes: changed('a', { type: 'array', items, value: [], count: 2n ** 61n }),
    field: 'a',
  })),
  {
    title: 'an array longer than the rest of the file',
    bytes: changed('a', { type: 'array', items: 'f32', value: [1], count: 1000n }),
    field: 'a',
  },
  {
    title: 'a string past the end of the file',
    bytes: minimal([['a', raw(new ByteWriter().u32(8).u64(100_000))]]),
    field: 'a',
    offset: 45,
  },
  {
    title: 'a string of 2^63 bytes',
    bytes: minimal([['a', raw(new ByteWriter().u32(8).u64(2n ** 63n))]]),
    field: 'a',
  },
  { title: 'alignment 0', bytes: changed('general.alignment', gguf.u32(0)), field: 'general.alignment' },
  { title: 'alignment 3', bytes: changed('general.alignment', gguf.u32(3)), field: 'general.alignment' },
  {
    title: 'alignment 2^31',
    bytes: changed('general.alignment', gguf.u32(2 ** 31)),
    field: 'general.alignment',
  },
  {
    title: 'an alignment of another type',
    bytes: changed('general.alignment', { type: 'u64', value: 32n }),
    field: 'general.alignment',
  },
];

const tensors: Case[] = [
  { title: 'a tensor name of 64 bytes', bytes: withTensor({ name: 'x'.repeat(64) }), field: 'tensor 3' },
  { title: 'a tensor without a name', bytes: withTensor({ name: '' }), field: 'tensor 3' },
  { title: 'five dimensions', bytes: withTensor({ dimensions: [1, 1, 1, 1, 1] }), field: 'bad.weight' },
  { title: '2^32 − 1 dimensions', bytes: withTensor({ dimensionCount: 2 ** 32 - 1 }), field: 'bad.weight' },
  { title: 'a dimension of 0', bytes: withTensor({ dimensions: [32, 0] }), field: 'bad.weight' },
  { title: 'a dimension of −1', bytes: withTensor({ dimensions: [32, -1] }), field: 'bad.weight' },
  {
    title: 'dimensions whose product wraps to a small number',
    bytes: withTensor({ dimensions: [4194305, 4194305, 211106198978564n] }),
    field: 'bad.weight',
  },
  {
    title: 'a tensor larger than any file',
    bytes: withTensor({ dimensions: [2n ** 50n] }),
    field: 'bad.weight',
  },
  {
    title: 'an unknown type',
    bytes: withTensor({ type: 99 }),
    code: 'unsupported-type',
    field: 'bad.weight',
  },
  {
    title: 'type −1',
    bytes: withTensor({ type: 2 ** 32 - 1 }),
    code: 'unsupported-type',
    field: 'bad.weight',
  },
  ...removedIds.map((type): Case => ({
    title: `removed type ${type}`,
    bytes: withTensor({ type }),
    code: 'unsupported-type',
    field: 'bad.weight',
  })),
  {
    title: 'rows that end inside a block',
    bytes: withTensor({ type: 2, dimensions: [48, 2] }),
    field: 'bad.weight',
  },
  { title: 'a scalar of a block type', bytes: withTensor({ type: 2, dimensions: [] }), field: 'bad.weight' },
  { title: 'an overlapping offset', bytes: withTensor({ offset: 0n }), field: 'bad.weight' },
  { title: 'an offset that leaves a hole', bytes: withTensor({ offset: 2048n }), field: 'bad.weight' },
  {
    title: 'an offset past the end of the file',
    bytes: withTensor({ offset: 2n ** 40n }),
    field: 'bad.weight',
  },
  {
    title: 'an offset that wraps around',
    bytes: withTensor({ offset: 2n ** 64n - 32n }),
    field: 'bad.weight',
  },
  {
    title: 'a tensor that appears twice',
    bytes: withTensor({ name: 'token_embd.weight' }),
    field: 'token_embd.weight',
  },
  { title: 'data that are cut off', bytes: good.subarray(0, good.length - 1), field: 'output_norm.weight' },
  { title: 'no data at all', bytes: good.subarray(0, good.length - 1280), field: 'token_embd.weight' },
];

const tokens = ['<s>', '</s>', 'a', 'b', 'ab', 'c', 'd', 'cd'];
const hyperParameters: [string, WriterValue][] = [
  ['block_count', gguf.u32(0)],
  ['block_count', gguf.u32(2 ** 31)],
  ['block_count', gguf.u32(4)],
  ['embedding_length', gguf.u32(64)],
  ['embedding_length', gguf.string('32')],
  ['context_length', { type: 'i32', value: -1 }],
  ['rope.freq_base', gguf.f32(NaN)],
  ['attention.layer_norm_rms_epsilon', gguf.f32(Infinity)],
  ['attention.head_count', gguf.u32(0)],
  ['attention.head_count', gguf.array('i32', [4, 4])],
  ['attention.head_count', gguf.array('u32', [])],
  ['attention.head_count', gguf.array('f32', [4])],
  ['attention.head_count_kv', gguf.u32(0)],
  ['attention.head_count_kv', gguf.u32(8)],
  ['attention.head_count_kv', gguf.u32(3)],
  ['attention.head_count_kv', gguf.array('i32', [-1])],
  ['feed_forward_length', gguf.array('i32', [])],
  ['expert_used_count', gguf.u32(2)],
];
const meaning: Case[] = [
  { title: 'no architecture', bytes: tinyGguf({ 'general.architecture': null }), field: 'general.architecture', offset: null },
  { title: 'an architecture that is a number', bytes: changed('general.architecture', gguf.u32(1)), field: 'general.architecture' },
  { title: 'an architecture that is a path', bytes: changed('general.architecture', gguf.string('../x')), field: 'general.architecture' },
  ...hyperParameters.map(([name, value], index): Case => ({
    title: `llama.${name}, case ${index}`,
    bytes: changed(`llama.${name}`, value),
    field: `llama.${name}`,
  })),
  {
    title: 'a head count that its key-value heads do not divide',
    bytes: changed('llama.attention.head_count', gguf.u32(5)),
    field: 'llama.attention.head_count_kv',
  },
  {
    title: 'a width that the heads do not divide',
    bytes: tinyGguf({ 'llama.attention.head_count': gguf.u32(6), 'llama.attention.head_count_kv': gguf.u32(3) }),
    field: 'llama.attention.head_count',
  },
  {
    title: 'more experts used than there are',
    bytes: tinyGguf({ 'llama.expert_count': gguf.u32(4), 'llama.expert_used_count': gguf.u32(5) }),
    field: 'llama.expert_used_count',
  },
  { title: 'experts of which none is used', bytes: changed('llama.expert_count', gguf.u32(4)), field: 'llama.expert_count' },
  {
    title: 'fewer tokens than embedding rows',
    bytes: tinyGguf({ 'tokenizer.ggml.tokens': gguf.strings(tokens.slice(1)), 'tokenizer.ggml.token_type': null }),
    field: 'tokenizer.ggml.tokens',
  },
  {
    title: 'more tokens than embedding rows',
    bytes: tinyGguf({ 'tokenizer.ggml.tokens': gguf.strings([...tokens, 'x']), 'tokenizer.ggml.token_type': null }),
    field: 'tokenizer.ggml.tokens',
  },
  {
    title: 'an embedding that is no matrix',
    bytes: tinyGguf({}, { tensors: [{ name: 'token_embd.weight', dimensions: [32], type: 0 }] }),
    field: 'token_embd.weight',
    offset: null,
  },
  { title: 'an end token outside the vocabulary', bytes: changed('tokenizer.ggml.eos_token_id', gguf.u32(8)), field: 'tokenizer.ggml.eos_token_id' },
  { title: 'a padding token −1', bytes: changed('tokenizer.ggml.padding_token_id', { type: 'i32', value: -1 }), field: 'tokenizer.ggml.padding_token_id' },
  { title: 'a start token that is a string', bytes: changed('tokenizer.ggml.bos_token_id', gguf.string('0')), field: 'tokenizer.ggml.bos_token_id' },
  { title: 'fewer scores than tokens', bytes: changed('tokenizer.ggml.scores', gguf.array('f32', [0, 1])), field: 'tokenizer.ggml.scores' },
  { title: 'scores of bytes', bytes: changed('tokenizer.ggml.scores', gguf.array('u8', [0, 1, 2, 3, 4, 5, 6, 7])), field: 'tokenizer.ggml.scores' },
  { title: 'fewer token types than tokens', bytes: changed('tokenizer.ggml.token_type', gguf.array('i32', [1])), field: 'tokenizer.ggml.token_type' },
  { title: 'token types of bytes', bytes: changed('tokenizer.ggml.token_type', gguf.array('u8', [1, 1, 1, 1, 1, 1, 1, 1])), field: 'tokenizer.ggml.token_type' },
  { title: 'tokens that are numbers', bytes: changed('tokenizer.ggml.tokens', gguf.array('u32', [1, 2, 3])), field: 'tokenizer.ggml.tokens' },
  { title: 'no tokens', bytes: changed('tokenizer.ggml.tokens', gguf.strings([])), field: 'tokenizer.ggml.model' },
  ...['ab', ' ', 'a ', 'a b c', ''].map((merge): Case => ({
    title: `the merge ${JSON.stringify(merge)}`,
    bytes: changed('tokenizer.ggml.merges', gguf.strings(['a b', merge])),
    field: 'tokenizer.ggml.merges',
  })),
  ...['<0x-1>', '<0x100>', '<0xG0>', '<0x1>'].map((token): Case => ({
    title: `the byte token ${token}`,
    bytes: tinyGguf({
      'tokenizer.ggml.tokens': gguf.strings([...tokens.slice(1), token]),
      'tokenizer.ggml.token_type': gguf.array('i32', [1, 1, 1, 1, 1, 1, 1, 6]),
    }),
    field: 'tokenizer.ggml.tokens',
  })),
  {
    title: 'the byte token <0x-1> without token types',
    bytes: tinyGguf({ 'tokenizer.ggml.tokens': gguf.strings([...tokens.slice(1), '<0x-1>']), 'tokenizer.ggml.token_type': null }),
    field: 'tokenizer.ggml.tokens',
  },
  { title: 'a template that is a number', bytes: changed('tokenizer.chat_template', gguf.u32(1)), field: 'tokenizer.chat_template' },
  { title: 'a flag that is a number', bytes: changed('tokenizer.ggml.add_bos_token', gguf.u32(1)), field: 'tokenizer.ggml.add_bos_token' },
  { title: 'a temperature that is not finite', bytes: changed('general.sampling.temp', gguf.f32(NaN)), field: 'general.sampling.temp' },
]; // prettier-ignore

test('the file that all cases are made from is good', async () => {
  await writeFile(join(folder, 'good.gguf'), good);
  expect((await readGguf(join(folder, 'good.gguf'))).tensors.size).toBe(3);
});

describe.each([
  ['container', container],
  ['metadata', entries],
  ['tensor table', tensors],
  ['meaning', meaning],
])('%s', (_, cases) => {
  test.each(cases.map((one) => [one.title, one] as const))(
    '%s is refused',
    async (_title, { bytes, code, field, offset }) => {
      const error = await refusal(bytes);
      expect(error).toMatchObject({ code: code ?? 'bad-file', detail: { file: 'model.gguf', field } });
      if (typeof offset === 'number') expect(error.detail.offset).toBe(offset);
      else if (offset !== null) expect(error.detail.offset).toBeGreaterThanOrEqual(0);
      expect(error.message).toContain('model.gguf');
    },
  );
});

test('every prefix of the header is refused', async () => {
  const header = good.length - 1280;
  for (let length = 1; length < header; length += length < 24 ? 1 : 13) {
    const error = await refusal(good.subarray(0, length));
    expect(error.code, `prefix of ${length}`).toBe('bad-file');
    expect(error.detail).toMatchObject({ file: 'model.gguf' });
  }
});

test.each([
  [
    'an array of 2^36 bytes',
    new ByteWriter()
      .u32(9)
      .u32(0)
      .u64(2n ** 36n),
  ],
  [
    'an array of 2^35 strings',
    new ByteWriter()
      .u32(9)
      .u32(8)
      .u64(2n ** 35n),
  ],
  ['three million empty strings', new ByteWriter().u32(9).u32(8).u64(3_000_000)],
])('%s in a sparse file that is large enough is refused', async (_, value) => {
  const path = join(folder, 'sparse.gguf');
  const file = await open(path, 'w');
  await file.write(minimal([['a', raw(value)]], { tensors: [] }));
  await file.truncate(2 ** 37);
  await file.close();
  const start = performance.now();
  await expect(readGguf(path)).rejects.toMatchObject({
    code: 'bad-file',
    detail: { file: 'sparse.gguf', field: 'a' },
  });
  expect(performance.now() - start).toBeLessThan(5000);
});

test('a link out of the folder, a folder and a missing file are refused', async () => {
  await symlink('/etc/hostname', join(folder, 'link.gguf'));
  await expect(readGguf(join(folder, 'link.gguf'))).rejects.toMatchObject({ code: 'outside-folder' });
  await expect(readGguf(folder)).rejects.toMatchObject({ code: 'bad-file' });
  await expect(readGguf(join(folder, 'none.gguf'))).rejects.toMatchObject({ code: 'not-found' });
});

test('two thousand mutated headers end in a model or a typed error', async () => {
  const header = good.length - 1280;
  let state = 7;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const outcomes = new Map<string, number>();
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(good);
    for (let change = random(3); change >= 0; change--) {
      const at = random(header);
      if (random(4) === 0) bytes.fill(random(2) * 255, at, Math.min(at + 8, header));
      else bytes[at] = random(256);
    }
    await writeFile(join(folder, 'mutated.gguf'), bytes);
    const outcome = await readGguf(join(folder, 'mutated.gguf')).then(
      () => 'read',
      (error: unknown) => (error instanceof LabError ? error.code : String(error)),
    );
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes.keys()].sort()).toEqual(['bad-file', 'read', 'unsupported-format', 'unsupported-type']);
});
