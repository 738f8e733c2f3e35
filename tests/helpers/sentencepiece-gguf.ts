/** A small SentencePiece vocabulary, and the tiny llama with it in place of its own. */
import { join } from 'node:path';
import type { GgufValue, TokenizerSource } from '../../electron/contract/model-source.ts';
import { readGguf } from '../../electron/formats/gguf/read-gguf.ts';
import { readWeightBytes } from '../../electron/formats/read-weight.ts';
import { gguf, writeGguf, type WriterEntry } from './gguf-writer.ts';
import { goldenFolder } from './golden.ts';

type GgufTokenizer = Extract<TokenizerSource, { kind: 'gguf' }>;

const merged =
  '▁t he ▁a in ▁the er ▁s on ▁▁ an re ▁w nd ou ▁o ing st ▁▁▁▁ ▁an ▁and at es ▁▁▁ ll 日本 ▁to lo ▁h ▁th';
const characters = '▁etaonisrhldugcmwypf日本😀é';
const named = ['<unk>', '<s>', '</s>', '<|user|>', '<|assistant|>', '<|end|>'];

/** 320 tokens: control tokens, bytes, a user-defined one, pieces that merges make, characters, and names that nothing uses. */
export function smallSentencePieces(changes: Partial<GgufTokenizer> = {}): GgufTokenizer {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const pieces = [...merged.split(' '), ...characters];
  const used = [...named, ...bytes, '\n\n', ...pieces];
  const unused = Array.from({ length: 320 - used.length }, (_, index) => `[PAD${index}]`);
  const tokens = [...used, ...unused];
  const scores = tokens.map((_, id) => (id < used.length - pieces.length ? 0 : used.length - pieces.length - id));
  const types = [2, ...named.slice(1).map(() => 3), ...bytes.map(() => 6), 4, ...pieces.map(() => 1)];
  return {
    kind: 'gguf',
    model: 'llama',
    preTokenizer: 'default',
    tokens,
    scores: Float32Array.from(scores, (score, id) => (id < used.length ? score : -10_000)),
    tokenTypes: Int32Array.from([...types, ...unused.map(() => 5)]),
    merges: null,
    addBos: true,
    addEos: false,
    addSpacePrefix: true,
    ...changes,
  };
} // prettier-ignore

export const smallTemplate =
  "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n{% endfor %}<|assistant|>\n";

/** A GGUF file of the tiny llama's weights with this tokenizer. */
export async function sentencePieceGguf(tokenizer: GgufTokenizer = smallSentencePieces()): Promise<Buffer> {
  const source = await readGguf(join(goldenFolder, 'tiny', 'llama', 'model-f32.gguf'));
  if (source.metadata.kind !== 'gguf') throw new Error('no GGUF file');
  const kept = [...source.metadata.values].filter(([key]) => /^(general\.arch|llama\.)/.test(key));
  const tensors = [...source.tensors.values()].map(async (tensor) => ({
    name: tensor.name,
    dimensions: tensor.shape.toReversed(),
    type: 0,
    data: Uint8Array.from(await readWeightBytes(source, tensor)),
  }));
  return writeGguf({
    entries: [...kept.map(entryOf), ...tokenizerEntries(tokenizer)],
    tensors: await Promise.all(tensors),
  });
}

function entryOf([key, value]: [string, GgufValue]): WriterEntry {
  if (typeof value === 'string') return [key, gguf.string(value)];
  if (typeof value !== 'number') throw new Error(`${key} is no text and no number`);
  return [key, /epsilon|freq/.test(key) ? gguf.f32(value) : gguf.u32(value)];
}

function tokenizerEntries({ tokens, scores, tokenTypes, ...flags }: GgufTokenizer): WriterEntry[] {
  const flag = (name: string, value: boolean | null): WriterEntry[] =>
    value === null ? [] : [[`tokenizer.ggml.${name}`, { type: 'bool', value }]];
  return [
    ['tokenizer.ggml.model', gguf.string('llama')],
    ['tokenizer.ggml.tokens', gguf.strings(tokens)],
    ['tokenizer.ggml.scores', gguf.array('f32', [...(scores ?? [])])],
    ['tokenizer.ggml.token_type', gguf.array('i32', [...(tokenTypes ?? [])])],
    ['tokenizer.ggml.bos_token_id', gguf.u32(1)],
    ['tokenizer.ggml.eos_token_id', gguf.u32(2)],
    ['tokenizer.ggml.eot_token_id', gguf.u32(5)],
    ['tokenizer.ggml.unknown_token_id', gguf.u32(0)],
    ...flag('add_bos_token', flags.addBos),
    ...flag('add_eos_token', flags.addEos),
    ...flag('add_space_prefix', flags.addSpacePrefix),
    ['tokenizer.chat_template', gguf.string(smallTemplate)],
  ];
}
