/** A SentencePiece vocabulary of a GGUF file, written as tokenizer.json: merges in place of scores, the same ids. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { SpecialIds, TokenizerSource } from '../../../electron/contract/model-source.ts';
import { scoredMerges, tiedTexts } from '../../../electron/engine/text/sentencepiece-merges.ts';
import { tokenizerFiles } from '../../../electron/engine/text/tokenizer-json.ts';
import { loadTokenizer, type Tokenizer } from '../../../electron/engine/text/tokenizer.ts';
import { thrownLabError } from '../../helpers/model-folder.ts';
import { seededRandom } from '../../helpers/seeded-random.ts';
import { smallSentencePieces } from '../../helpers/sentencepiece-gguf.ts';
import {
  asGguf,
  codeLlamaSource,
  goldenJson,
  sentencePieceSource,
  sentencePieceSpecials,
  type SentencePieceName,
} from '../../helpers/tokenizers.ts';

type Gguf = Extract<TokenizerSource, { kind: 'gguf' }>;
type HuggingFace = Extract<TokenizerSource, { kind: 'huggingface' }>;
const smallSpecials: SpecialIds = { bos: 1, ends: [2, 5], unknown: 0, padding: null, infill: null };

/** As it is read again from the folder. */
function written(tokenizer: Gguf, special: SpecialIds): HuggingFace {
  const source = { name: 'small', tokenizer, templates: [], special };
  const files = JSON.parse(JSON.stringify(tokenizerFiles(source))) as ReturnType<typeof tokenizerFiles>;
  return { kind: 'huggingface', ...files };
}

const loadBoth = (tokenizer: Gguf, special: SpecialIds): [Tokenizer, Tokenizer] => [
  loadTokenizer(tokenizer, special),
  loadTokenizer(written(tokenizer, special), special),
];

/** First and last code point of what random texts are made of: ASCII twice, then control characters, scripts, emoji, anything. */
const ranges = [
  [0x20, 0x7e], [0x20, 0x7e], [0, 0x20], [0xa0, 0x24f], [0x370, 0x52f], [0x590, 0x6ff], [0x900, 0xe7f],
  [0x3040, 0x30ff], [0x4e00, 0x9fff], [0xac00, 0xd7a3], [0xe000, 0xffff], [0x1f300, 0x1fbff], [0x1_0000, 0x10_ffff],
] as const; // prettier-ignore

/** Half of them random characters, half pieces of the vocabulary, with spaces and lone marks for spaces between. */
function randomTexts({ tokens }: Gguf, count: number, seed: number): string[] {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const character = () => {
    const [from, to] = ranges[below(ranges.length)]!;
    return String.fromCodePoint(from + below(to - from + 1));
  };
  const piece = () => tokens[below(tokens.length)]!.replaceAll('▁', random() < 0.9 ? ' ' : '▁');
  return Array.from({ length: count }, (_, index) =>
    Array.from({ length: 1 + below(30) }, index % 2 ? character : piece).join(''),
  );
}

function expectSameIds([own, other]: [Tokenizer, Tokenizer], texts: readonly string[]): void {
  for (const text of texts) {
    for (const special of [true, false]) {
      const options = { special, addBos: true };
      const ids = own.encode(text, options);
      expect(other.encode(text, options).join(), text).toBe(ids.join());
      expect(other.decoder.decode(ids), text).toBe(own.decoder.decode(ids));
    }
  }
}

const golden = goldenJson<Record<SentencePieceName, { text: string; ids: number[] }[]>>('spm/answers.json');

describe.each(['llama2', 'gemma3'] as const)('the scores of %s as merges', (name) => {
  const source = asGguf(name, sentencePieceSource(name)) as Gguf;
  const special = sentencePieceSpecials[name];
  let again: HuggingFace;
  beforeAll(() => {
    again = written(source, special);
  }, 60_000);

  test('are those of its own tokenizer.json', () => {
    const { model } = sentencePieceSource(name).tokenizer as unknown as {
      model: { merges: (string | [string, string])[] };
    };
    const theirs = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
    const { merges } = again.tokenizer['model'] as unknown as {
      merges: [string, string][];
    };
    const ours = new Set(merges.map((merge) => merge.join(' ')));
    expect(ours.size).toBe(theirs.length);
    expect(theirs.filter((merge) => !ours.has(merge))).toEqual([]);
  });

  test('give the ids of the tokenizers library, and everywhere those of the scores', () => {
    const [own, other] = [loadTokenizer(source, special), loadTokenizer(again, special)];
    for (const { text, ids } of golden[name])
      expect(other.encode(text, { special: true, addBos: false }), text).toEqual(ids);
    expectSameIds([own, other], randomTexts(source, 2000, 11));
  });
});

test('of Code Llama, whose fill-in marks could be built of pieces, give the same ids', () => {
  const marks = { prefix: 32_007, suffix: 32_008, middle: 32_009, suffixFirst: false };
  const special = { ...sentencePieceSpecials.llama2, infill: marks };
  const source = asGguf('llama2', codeLlamaSource()) as Gguf;
  const texts = ['▁<PRE> def f(x): ▁<SUF>return▁<MID>', ' <PRE> a <SUF> b <MID>', '▁<EOT>'];
  expectSameIds(loadBoth(source, special), [...texts, ...randomTexts(source, 500, 4)]);
});

describe('a small vocabulary', () => {
  test.each([
    ['with a space before the text', {}],
    ['without one', { addSpacePrefix: false }],
    ['whose flags are silent', { addSpacePrefix: null, addBos: null, addEos: null }],
    ['without a beginning', { addBos: false }],
  ])('%s gives the same ids and texts', (_, changes) => {
    const source = smallSentencePieces(changes);
    const texts = [...golden.llama2.map(({ text }) => text), ...randomTexts(source, 1000, 5)];
    expectSameIds(loadBoth(source, smallSpecials), [...texts, '<s>a<|end|> \n b\n\nc</s>']);
  });

  test('of nothing but two letters gives the same ids of all their runs', () => {
    const pieces = ['a', 'b', 'ab', 'aa', 'ba', 'aba', 'abab', 'bb', 'aab', 'baa', 'aaaa', 'abaaba'];
    const random = seededRandom(3);
    for (let round = 0; round < 10; round++) {
      const order = pieces.map((piece) => ({ piece, place: random() })).sort((a, b) => a.place - b.place);
      const source = withPieces(order.map(({ piece }, rank) => [piece, -rank]));
      const texts = Array.from({ length: 1024 }, (_, bits) =>
        bits.toString(2).replaceAll('0', 'a').replaceAll('1', 'b'),
      );
      expectSameIds(loadBoth(source, smallSpecials), texts);
    }
  });

  test('keeps its special tokens, what is put around a text and what they swallow', () => {
    const ended = written(smallSentencePieces({ addEos: true }), smallSpecials);
    expect(ended.config).toMatchObject({
      bos_token: '<s>',
      eos_token: '</s>',
      unk_token: '<unk>',
      add_bos_token: true,
      add_eos_token: true,
    });
    expect(ended.tokenizer['post_processor']).toMatchObject({
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '<s>', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '</s>', type_id: 0 } },
      ],
      special_tokens: { '<s>': { ids: [1] }, '</s>': { ids: [2] } },
    });
    const plain = written(smallSentencePieces({ addBos: false }), smallSpecials);
    expect(plain.tokenizer['post_processor']).toBeNull();
    const added = plain.tokenizer['added_tokens'] as { id: number; special: boolean }[];
    expect(added.map(({ id, special }) => [id, special])).toEqual([
      ...[0, 1, 2, 3, 4, 5].map((id) => [id, true]),
      [262, false],
    ]);
    const phi3 = smallSentencePieces();
    const tokens = phi3.tokens.map((text) => (text === '[PAD0]' ? '<|placeholder1|>' : text));
    const both = loadBoth({ ...phi3, tokens }, smallSpecials);
    expectSameIds(both, ['<|user|>\nHi <|end|>\n<|assistant|>\n', '<s> a']);
    const named = (text: string) => both[1].encode(text, { special: true, addBos: false });
    expect(named('<|end|> \n')).toEqual([5]);
  });
});

/** The small vocabulary with these pieces in place of its own. */
function withPieces(pieces: readonly (readonly [text: string, score: number])[]): Gguf {
  const { tokens, tokenTypes, scores, ...rest } = smallSentencePieces({ addSpacePrefix: false });
  const kept = 6 + 256;
  return {
    ...rest,
    tokens: [...tokens.slice(0, kept), ...pieces.map(([text]) => text)],
    scores: Float32Array.from([...scores!.slice(0, kept), ...pieces.map(([, score]) => score)]),
    tokenTypes: Int32Array.from([...tokenTypes!.slice(0, kept), ...pieces.map(() => 1)]),
  };
}

/** The small vocabulary with other texts for some tokens; bytes are plain pieces then. */
function changed(changes: Readonly<Record<number, string>>): Gguf {
  const { tokens, tokenTypes, ...rest } = smallSentencePieces();
  return {
    ...rest,
    tokens: tokens.map((text, id) => changes[id] ?? text),
    tokenTypes: tokenTypes!.map((type, id) => (type === 6 && id in changes ? 1 : type)),
  };
}

describe('refused with the reason:', () => {
  test.each([
    ['pieces of equal scores', withPieces([['a', -9], ['b', -9], ['ab', 0], ['ba', 0]]), /same score, and "(aba|bab)"/],
    ['scores that are all the same', smallSentencePieces({ scores: new Float32Array(320) }), /same score/],
    ['a piece of a character that is none', withPieces([['日本', 0]]), /its piece "日本" is joined of a character/],
    ['a control token of one character', changed({ 5: '€' }), /"€" is a token, but none of a text/],
    ['a byte without a token', changed({ 71: '<41>' }), /no token for the byte 65/],
    ['tokens of the same text', changed({ 310: 'nd' }), /same text, "nd"/],
    ['a piece of a thousand characters', changed({ 310: 'x'.repeat(2000) }), /has 2000 characters/],
  ] as const)('%s', (_, source, reason) => {
    const error = thrownLabError(() => written(source, smallSpecials));
    expect(error.code).toBe('unsupported-feature');
    expect(error.message).toMatch(reason);
    expect(error.message).toMatch(/^The tokenizer of small cannot be written as tokenizer\.json: .*\(--format pack\)\.$/);
  }); // prettier-ignore

  test('equal scores of pieces that never meet are none', () => {
    const source = withPieces([['a', -9], ['b', -9], ['c', -9], ['d', -9], ['ab', 0], ['cd', 0]]); // prettier-ignore
    expectSameIds(loadBoth(source, smallSpecials), randomTexts(source, 500, 2));
  });

  test('a vocabulary without scores is malformed', () => {
    const error = thrownLabError(() => written(smallSentencePieces({ scores: null }), smallSpecials));
    expect(error).toMatchObject({ code: 'bad-file', detail: { field: 'tokenizer.ggml.scores' } });
  });
});

test('merges are ordered by score, then the longest left part; ties that meet are told', () => {
  const pieces = new Map(['a', 'b', 'ab', 'ba', 'aba'].map((text, id) => [text, id]));
  const merges = scoredMerges(pieces, Float32Array.of(-9, -9, 0, 0, 5));
  expect(merges.map(({ left, right }) => `${left} ${right}`)).toEqual(['ab a', 'a ba', 'a b', 'b a']);
  expect([...tiedTexts(merges)]).toEqual(['aba', 'bab']);
});
