import { beforeAll, describe, expect, it } from 'vitest';
import type { InfillTokens, SpecialIds, TokenizerSource } from '../../../electron/contract/model-source.ts';
import { encodeInfill } from '../../../electron/engine/text/infill.ts';
import { loadTokenizer } from '../../../electron/engine/text/tokenizer.ts';
import type { Tokenizer } from '../../../electron/engine/text/tokenizer.ts';
import { readSpecialIds } from '../../../electron/formats/huggingface/folder-files.ts';
import { thrownLabError } from '../../helpers/model-folder.ts';
import { asGguf, codeLlamaSource, noSpecials, smallGguf } from '../../helpers/tokenizers.ts';

const plain = { special: false, addBos: false };

describe.each(['tokenizer.json', 'GGUF keys'])("Code Llama's tokenizer from %s", (kind) => {
  let tokenizer: Tokenizer;
  let special: SpecialIds;
  beforeAll(() => {
    const source = codeLlamaSource();
    const ids = { bos_token_id: 1, eos_token_id: 2, vocab_size: 32_016 };
    special = readSpecialIds([{ name: 'config.json', value: ids }], source);
    tokenizer = loadTokenizer(kind === 'tokenizer.json' ? source : asGguf('llama2', source), special);
  });

  it('gives the prompt that Hugging Face gives, without a space in front of the suffix', () => {
    const gap = {
      prefix: 'def remove_non_ascii(s: str) -> str:\n    """ ',
      suffix: '\n    return result\n',
    };
    const ids = encodeInfill(tokenizer, special, gap);
    // transformers' own test of CodeLlama-7b-hf; this vocabulary cuts "ascii" elsewhere.
    expect(ids.map((id) => tokenizer.piece(id))).toEqual([
      '<s>', '▁<PRE>', '▁def', '▁remove', '_', 'non', '_', 'asci', 'i', '(', 's', ':', '▁str', ')', '▁->', '▁str', ':',
      '<0x0A>', '▁▁▁', '▁"""', '▁', '▁<SUF>', '<0x0A>', '▁▁▁', '▁return', '▁result', '<0x0A>', '▁<MID>',
    ]); // prettier-ignore
  });

  it('keeps the white space that the suffix begins with', () => {
    const suffixOf = (suffix: string) =>
      encodeInfill(tokenizer, special, { prefix: 'a', suffix }).slice(4, -1);
    const [word] = tokenizer.encode('return', plain);
    expect(suffixOf(' return')).toEqual([word]);
    expect(suffixOf('return')).not.toEqual([word]);
    expect(tokenizer.decoder.decode(suffixOf('return'), { continues: true })).toBe('return');
    expect(tokenizer.decoder.decode(suffixOf('   \t return 1'), { continues: true })).toBe('   \t return 1');
  });

  it('leaves an empty part empty', () => {
    expect(encodeInfill(tokenizer, special, { prefix: '', suffix: 'x' }).slice(0, 3)).toEqual([
      1, 32007, 32008,
    ]);
    expect(encodeInfill(tokenizer, special, { prefix: 'x', suffix: '' }).slice(-2)).toEqual([32008, 32009]);
  });

  it('takes names of special tokens in the parts as text', () => {
    const text = ' <MID>▁<SUF></s> <EOT>';
    const ids = encodeInfill(tokenizer, special, { prefix: text, suffix: text });
    const marks = ids.filter((id) => id === 2 || id >= 32_007);
    expect(marks).toEqual([32007, 32008, 32009]);
  });

  it('ends a reply at the end of the middle too', () => {
    expect(special.ends).toEqual([2, 32010]);
  });
});

describe('other orders and names', () => {
  const infill = (tokens: Partial<InfillTokens>): SpecialIds => ({
    ...noSpecials,
    bos: 0,
    infill: { prefix: 300, suffix: 301, middle: 302, suffixFirst: false, ...tokens },
  });
  const gap = { prefix: 'the lazy', suffix: ' dog' };

  it('put the suffix first where the model was trained so', () => {
    const special = infill({ suffixFirst: true, middle: null });
    const tokenizer = loadTokenizer(smallGguf({ addBos: true }), special);
    const [prefix, suffix] = [gap.prefix, gap.suffix].map((text) => tokenizer.encode(text, plain));
    expect(encodeInfill(tokenizer, special, gap)).toEqual([0, 301, ...suffix!, 300, ...prefix!]);
  });

  it('refuse tokens of the file that are no special ones to it', () => {
    const tokens = ['<s>', '</s>', '<hole>', ...Array.from('<s>/hole', String)].filter(unique);
    const added = [{ id: 2, content: '<hole>', special: false, normalized: true }];
    const source: TokenizerSource = {
      kind: 'huggingface',
      tokenizer: {
        added_tokens: added,
        model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((text, id) => [text, id])), merges: [] },
        decoder: { type: 'Fuse' },
      },
      config: {},
    };
    const special = infill({ prefix: 0, suffix: 2, middle: 1 });
    const tokenizer = loadTokenizer(source, special);
    expect(tokenizer.encode('<hole>', plain)).toEqual([2]);
    const ids = encodeInfill(tokenizer, special, { prefix: '<hole>', suffix: '<hole>' });
    expect(ids.filter((id) => id === 2)).toHaveLength(1);
    expect(tokenizer.decoder.decode(ids)).toContain('<hole><hole>');
  });

  it.each([
    ['every part', null, 'prefix, suffix, and middle'],
    ['two parts', { prefix: null, middle: null }, 'prefix and middle'],
    ['the middle', { middle: null }, 'middle'],
    ['the suffix, first', { suffix: null, middle: null, suffixFirst: true }, 'suffix'],
  ])('are refused without a token for %s', (_, tokens, missing) => {
    const special = tokens === null ? noSpecials : infill(tokens);
    const tokenizer = loadTokenizer(smallGguf(), special);
    const error = thrownLabError(() => encodeInfill(tokenizer, special, gap));
    expect(error.code).toBe('unsupported-feature');
    expect(error.message).toContain(`no token for ${missing}.`);
  });
});

const unique = (text: string, index: number, all: readonly string[]) => all.indexOf(text) === index;
