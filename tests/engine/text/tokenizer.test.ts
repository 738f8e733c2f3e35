import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject, TokenizerSource } from '../../../electron/contract/model-source.ts';
import { loadTokenizer } from '../../../electron/engine/text/tokenizer.ts';
import type { Tokenizer } from '../../../electron/engine/text/tokenizer.ts';
import { thrownLabError } from '../../helpers/model-folder.ts';
import {
  asGguf,
  bundledTokenizer,
  goldenJson,
  noSpecials,
  readJson,
  sentencePieceSource,
  sentencePieceSpecials,
  smallGguf,
} from '../../helpers/tokenizers.ts';
import type { SentencePieceName } from '../../helpers/tokenizers.ts';
import { bundledModel, goldenFolder } from '../../helpers/golden.ts';
import { readGguf } from '../../../electron/formats/gguf/read-gguf.ts';

interface TokenCase {
  readonly text: string;
  readonly ids: readonly number[];
  readonly ids_specials_as_text?: readonly number[];
}
interface SpmCase extends TokenCase {
  readonly decoded: string;
  readonly decoded_specials_as_text?: string;
}
type SpmAnswers = Record<SentencePieceName, readonly SpmCase[]>;

/** Pushes ids one by one; every part must be whole characters. */
function streamed(tokenizer: Tokenizer, ids: readonly number[]): string {
  const stream = tokenizer.decoder.stream();
  return ids.map((id) => stream.push(id)).join('') + stream.end();
}

function checkIds(tokenizer: Tokenizer, cases: readonly TokenCase[]): void {
  for (const each of cases) {
    expect(tokenizer.encode(each.text, { special: true, addBos: false }), each.text).toEqual(each.ids);
    expect(tokenizer.encode(each.text, { special: false, addBos: false }), each.text).toEqual(
      each.ids_specials_as_text ?? each.ids,
    );
  }
}

describe('the bundled GGUF tokenizer', () => {
  const { cases } = goldenJson<{ cases: readonly TokenCase[] }>('smollm2/tokens.json');
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    ({ tokenizer } = await bundledTokenizer());
  });

  it('gives the reference ids with special names obeyed and as text', () => {
    expect(cases.length).toBe(74);
    checkIds(tokenizer, cases);
    expect(tokenizer.warnings).toEqual([]);
  });

  it('decodes every case, id by id, to the text it came from', () => {
    for (const { text, ids, ids_specials_as_text: plain } of cases) {
      expect(streamed(tokenizer, plain ?? ids), text).toBe(text);
      expect(tokenizer.decoder.decode(plain ?? ids)).toBe(text);
    }
  });

  it('prints no special token', () => {
    expect(streamed(tokenizer, [1, 4093, 198, 6004, 2, 198])).toBe('user\nhi\n');
  });

  it('adds no BOS, since the file says so', () => {
    expect(tokenizer.encode('Hello', { special: true, addBos: true })).toEqual([19556]);
  });

  it('shows pieces as characters where they are whole and as the vocabulary writes them where not', () => {
    expect(tokenizer.piece(905)).toBe(' world');
    expect(tokenizer.piece(10813)).toBe('ðŁ');
    expect(tokenizer.piece(1)).toBe('<|im_start|>');
    expect(tokenizer.piece(1_000_000)).toBe('');
    expect(tokenizer.vocabularySize).toBe(49152);
  });

  it('holds an incomplete character back and replaces it only at the end', () => {
    const stream = tokenizer.decoder.stream();
    expect(stream.isIncomplete).toBe(false);
    expect(stream.push(10813)).toBe('');
    expect(stream.isIncomplete).toBe(true);
    expect(stream.push(242)).toBe('');
    expect(stream.isIncomplete).toBe(true);
    expect(stream.push(218)).toBe('😀');
    expect(stream.isIncomplete).toBe(false);
    expect(stream.push(10813)).toBe('');
    expect(stream.isIncomplete).toBe(true);
    expect(stream.end()).toBe('\ufffd');
  });

  it('keeps merges running across span borders but no special name', () => {
    const whole = tokenizer.encode('Hello world', { special: false, addBos: false });
    const spans = [
      { text: 'Hello wo', special: true },
      { text: 'rld', special: false },
    ];
    expect(tokenizer.encodeSpans(spans, { addBos: false })).toEqual(whole);
    const split = [
      { text: '<|im_', special: true },
      { text: 'end|>', special: false },
    ];
    expect(tokenizer.encodeSpans(split, { addBos: false })).not.toContain(2);
  });

  // Processor time, because other work on the machine stretches the clock.
  it('loads in less than 0.4 s of one processor', async () => {
    const source = await readGguf(bundledModel);
    const times = [1, 2, 3].map(() => {
      const start = process.cpuUsage();
      loadTokenizer(source.tokenizer as TokenizerSource, source.special);
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000;
    });
    expect(Math.min(...times)).toBeLessThan(400);
  });
});

describe.each(['llama2', 'gemma3'] as const)('SentencePiece vocabulary %s', (name) => {
  const cases = goldenJson<SpmAnswers>('spm/answers.json')[name];
  const source = sentencePieceSource(name);

  describe.each([
    ['tokenizer.json', (): TokenizerSource => source],
    ['GGUF scores', (): TokenizerSource => asGguf(name, source)],
  ])('from %s', (_, make) => {
    let tokenizer: Tokenizer;
    beforeAll(() => {
      tokenizer = loadTokenizer(make(), sentencePieceSpecials[name]);
    });

    it('gives the ids of the tokenizers library', () => {
      expect(cases.length).toBe(54);
      checkIds(tokenizer, cases);
    });

    it('streams to the text that the library decodes', () => {
      for (const each of cases) {
        const plain = each.ids_specials_as_text ?? each.ids;
        expect(streamed(tokenizer, each.ids), each.text).toBe(each.decoded);
        expect(streamed(tokenizer, plain), each.text).toBe(each.decoded_specials_as_text ?? each.decoded);
      }
    });

    it('begins with one BOS, never two', () => {
      const bos = sentencePieceSpecials[name].bos as number;
      const text = name === 'llama2' ? '<s>Hi' : '<bos>Hi';
      const ids = tokenizer.encode('Hi', { special: true, addBos: true });
      expect(ids[0]).toBe(bos);
      expect(tokenizer.encode(text, { special: true, addBos: true }).filter((id) => id === bos)).toEqual([
        bos,
      ]);
    });
  });

  it('keeps the first space where the text goes on from other text', () => {
    const tokenizer = loadTokenizer(source, sentencePieceSpecials[name]);
    const ids = tokenizer.encode(name === 'llama2' ? 'Paris' : ' Paris', { special: false, addBos: false });
    const stream = tokenizer.decoder.stream({ continues: true });
    expect(ids.map((id) => stream.push(id)).join('')).toBe(' Paris');
  });
});

describe('tokenizer.json', () => {
  const tiny = (changes: JsonObject = {}): TokenizerSource => ({
    kind: 'huggingface',
    tokenizer: { ...(readJson(`${goldenFolder}/tiny/llama/tokenizer.json`) as JsonObject), ...changes },
    config: {},
  });

  it('gives the same ids as the same vocabulary in GGUF keys', () => {
    const fromJson = loadTokenizer(tiny(), noSpecials);
    const fromKeys = loadTokenizer(smallGguf(), noSpecials);
    for (const text of ['the king jumps', 'lazy <s> dog</s>', 'é 你好 😀']) {
      for (const special of [true, false]) {
        const options = { special, addBos: false };
        expect(fromJson.encode(text, options)).toEqual(fromKeys.encode(text, options));
      }
    }
  });

  it('takes the beginning token from the post-processor unless the configuration forbids it', () => {
    const processor = {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
    };
    const source = tiny({ post_processor: processor });
    const ids = loadTokenizer(source, noSpecials).encode('the', { special: true, addBos: true });
    expect(ids[0]).toBe(0);
    const forbidden = loadTokenizer(
      { ...source, config: { add_bos_token: false } } as TokenizerSource,
      noSpecials,
    );
    expect(forbidden.encode('the', { special: true, addBos: true })).toEqual(ids.slice(1));
  });

  it('lets an added token swallow the white space that it asks for', () => {
    const added = [
      { id: 0, content: '<s>', special: true, lstrip: false, rstrip: true, normalized: false, single_word: false },
      { id: 320, content: 'word', special: false, lstrip: true, rstrip: false, normalized: false, single_word: true },
    ]; // prettier-ignore
    const tokenizer = loadTokenizer(tiny({ added_tokens: added }), noSpecials);
    const encode = (text: string): number[] => tokenizer.encode(text, { special: true, addBos: false });
    expect(encode('<s> \n a')).toEqual([0, ...encode('a')]);
    expect(encode('a  word')).toEqual([...encode('a'), 320]);
    expect(encode('words')).not.toContain(320);
  });

  it.each([
    ['WordPiece', { model: { type: 'WordPiece', vocab: { a: 0 }, unk_token: 'a' } }],
    ['Unigram', { model: { type: 'Unigram', vocab: [['a', 0]], unk_id: 0 } }],
    ['Precompiled', { normalizer: { type: 'Precompiled', precompiled_charsmap: '' } }],
    ['UnicodeScripts', { pre_tokenizer: { type: 'UnicodeScripts' } }],
    ['CTC', { decoder: { type: 'CTC', pad_token: '<pad>' } }],
  ])('names an unsupported %s', (type, changes) => {
    const error = thrownLabError(() => loadTokenizer(tiny(changes), noSpecials));
    expect(error.code).toBe('unsupported-feature');
    expect(error.message).toContain(type);
  });

  it.each([
    ['model.vocab', { model: { type: 'BPE', vocab: { a: -1 }, merges: [] } }],
    ['model.vocab', { model: { type: 'BPE', vocab: { a: 4e9 }, merges: [] } }],
    ['model.merges[0]', { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a'] } }],
    ['model.merges', { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a a'] } }],
    ['added_tokens.0.content', { added_tokens: [{ id: 0, content: 7 }] }],
    ['pre_tokenizer.pattern', { pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }],
  ])('refuses a malformed %s and names it', (field, changes) => {
    const error = thrownLabError(() => loadTokenizer(tiny(changes), noSpecials));
    expect(error.code).toBe('bad-file');
    expect(error.detail).toMatchObject({ file: 'tokenizer.json', field });
  }); // prettier-ignore

  it('warns where a pattern loses a possessive part', () => {
    const pattern = { Regex: '[ab]++b' };
    const source = tiny({ pre_tokenizer: { type: 'Split', pattern, behavior: 'Isolated', invert: false } });
    expect(loadTokenizer(source, noSpecials).warnings).toEqual([expect.stringContaining('++')]);
  }); // prettier-ignore
});

describe('tokenizer keys of GGUF', () => {
  it('warns about an unknown pre-tokenizer and cuts as GPT-2', () => {
    const tokenizer = loadTokenizer(smallGguf({ preTokenizer: 'from-the-future' }), noSpecials);
    expect(tokenizer.warnings).toEqual([expect.stringContaining('from-the-future')]);
    const known = loadTokenizer(smallGguf(), noSpecials);
    const options = { special: false, addBos: false };
    expect(tokenizer.encode("it's 12 lazy kings", options)).toEqual(
      known.encode("it's 12 lazy kings", options),
    );
  });

  it('adds BOS for Llama 3 where the file does not say, and not where it says no', () => {
    const special = { ...noSpecials, bos: 0 };
    const options = { special: false, addBos: true };
    const silent = loadTokenizer(smallGguf({ preTokenizer: 'llama-bpe' }), special);
    expect(silent.encode('a', options)[0]).toBe(0);
    const refusing = loadTokenizer(smallGguf({ preTokenizer: 'llama-bpe', addBos: false }), special);
    expect(refusing.encode('a', options)[0]).not.toBe(0);
  });

  it('lets Phi-3’s control tokens swallow the white space after them', () => {
    const base = asGguf('llama2', sentencePieceSource('llama2')) as Extract<
      TokenizerSource,
      { kind: 'gguf' }
    >;
    const names = ['<|endoftext|>', '<|assistant|>', '<|placeholder1|>', '<|end|>'];
    const source: TokenizerSource = {
      ...base,
      tokens: [...base.tokens, ...names],
      scores: Float32Array.from([...(base.scores ?? []), ...names.map(() => 0)]),
      tokenTypes: Int32Array.from([...(base.tokenTypes ?? []), ...names.map(() => 3)]),
    };
    const tokenizer = loadTokenizer(source, sentencePieceSpecials.llama2);
    const encode = (text: string): number[] => tokenizer.encode(text, { special: true, addBos: false });
    expect(encode('Hi<|end|>\n<|assistant|>\n')).toEqual([...encode('Hi'), 32003, 32001]);
    expect(encode('<|endoftext|>\n').length).toBeGreaterThan(1);
  });

  it.each([
    ['t5', 'Unigram'],
    ['bert', 'WordPiece'],
    ['rwkv', 'RWKV'],
    ['constructor', 'constructor'],
  ])('names the unsupported model %s', (model, name) => {
    const error = thrownLabError(() => loadTokenizer(smallGguf({ model }), noSpecials));
    expect(error.code).toBe('unsupported-feature');
    expect(error.message).toContain(name);
  });

  it('refuses scores, types and merges that do not fit the tokens', () => {
    const fields = [
      smallGguf({ tokenTypes: new Int32Array(3) }),
      smallGguf({ model: 'llama', scores: new Float32Array(3) }),
      smallGguf({ model: 'llama' }),
      smallGguf({ merges: null }),
      smallGguf({ merges: ['nospace'] }),
    ].map((source) => thrownLabError(() => loadTokenizer(source, noSpecials)).detail.field);
    expect(fields).toEqual([
      'tokenizer.ggml.token_type',
      'tokenizer.ggml.scores',
      'tokenizer.ggml.scores',
      'tokenizer.ggml.merges',
      'tokenizer.ggml.merges[0]',
    ]);
  });
});
