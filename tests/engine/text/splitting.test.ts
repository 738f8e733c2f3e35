import { describe, expect, it } from 'vitest';
import { fromByteCharacters, toByteCharacters } from '../../../electron/engine/text/byte-characters.ts';
import { splitterOf } from '../../../electron/engine/text/huggingface-components.ts';
import { byteWords, preTokenizerOf } from '../../../electron/engine/text/pre-tokenizers.ts';
import type { PreTokenizer } from '../../../electron/engine/text/pre-tokenizers.ts';
import { goldenJson } from '../../helpers/tokenizers.ts';

interface WordAnswers {
  readonly texts: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly words: Readonly<Record<string, readonly (readonly string[])[]>>;
}
const golden = goldenJson<WordAnswers>('words/answers.json');

describe.each(Object.keys(golden.words))('the pre-tokenizer %s', (name) => {
  it('cuts as the tokenizers library does, by its GGUF name', () => {
    const cut = byteWords(preTokenizerOf(name) as PreTokenizer);
    expect(golden.texts.map((text) => cut(text, true))).toEqual(golden.words[name]);
  });

  it('cuts the same way from tokenizer.json, without a warning', () => {
    const warnings: string[] = [];
    const cut = splitterOf(golden.config[name], 'pre_tokenizer', warnings);
    expect(golden.texts.map((text) => cut(text, true))).toEqual(golden.words[name]);
    expect(warnings).toEqual([]);
  });
});

describe('split behaviours', () => {
  // The five results are those that the tokenizers library documents for SplitDelimiterBehavior.
  it.each([
    ['Removed', ['the', 'final', 'countdown']],
    ['Isolated', ['the', '-', 'final', '-', '-', 'countdown']],
    ['MergedWithPrevious', ['the-', 'final-', '-', 'countdown']],
    ['MergedWithNext', ['the', '-final', '-', '-countdown']],
    ['Contiguous', ['the', '-', 'final', '--', 'countdown']],
  ])('%s', (behavior, words) => {
    const split = splitterOf({ type: 'Split', pattern: { String: '-' }, behavior, invert: false }, '', []);
    expect(split('the-final--countdown', true)).toEqual(words);
  });

  it('takes what lies between the matches where inverted', () => {
    const split = splitterOf(
      { type: 'Split', pattern: { Regex: '[a-z]+' }, behavior: 'Removed', invert: true },
      '',
      [],
    );
    expect(split('ab, cd', true)).toEqual(['ab', 'cd']);
  });

  it.each([
    ['always', true, ['▁a', '▁b']],
    ['first', true, ['▁a', '▁b']],
    ['first', false, ['a', '▁b']],
    ['never', true, ['a', '▁b']],
  ])('puts a space in front as Metaspace %s says (first: %s)', (prepend_scheme, first, words) => {
    const split = splitterOf({ type: 'Metaspace', replacement: '▁', prepend_scheme, split: true }, '', []);
    expect(split('a b', first)).toEqual(words);
  });

  it('refuses a behaviour that does not exist', () => {
    const part = { type: 'Split', pattern: { String: '-' }, behavior: 'Shredded', invert: false };
    expect(() => splitterOf(part, 'pre_tokenizer', [])).toThrow(/Shredded/);
  });
});

describe('byte-level characters', () => {
  it('stand for every byte and back, in short and in long texts', () => {
    for (const text of ['Aé😀\u0000\u007f\u00ad', 'é €'.repeat(500)]) {
      const bytes = fromByteCharacters(toByteCharacters(text));
      expect(new TextDecoder().decode(bytes as Uint8Array)).toBe(text);
    }
    expect(toByteCharacters(' \n')).toBe('ĠĊ');
  });

  it('are not made of other characters', () => {
    expect(fromByteCharacters('€')).toBeNull();
  });
});
