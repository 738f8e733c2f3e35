/** The tokenizer of a GGUF file, written as tokenizer.json: the same ids for the same text. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ModelSource, TokenizerSource } from '../../../electron/contract/model-source.ts';
import { tokenizerFiles } from '../../../electron/engine/text/tokenizer-json.ts';
import { loadTokenizer } from '../../../electron/engine/text/tokenizer.ts';
import { readSpecialIds } from '../../../electron/formats/huggingface/folder-files.ts';
import { bundledTokenizer, goldenJson } from '../../helpers/tokenizers.ts';

const { texts, words } = goldenJson<{ texts: string[]; words: Record<string, unknown> }>(
  join('words', 'answers.json'),
);
const marked = ['<|im_start|>user\nHi<|im_end|>', 'a <|im_end|> b', '<|endoftext|>x'];

type Gguf = Extract<TokenizerSource, { kind: 'gguf' }>;

async function source(change: Partial<Gguf> = {}): Promise<ModelSource> {
  const { source: bundled } = await bundledTokenizer();
  return { ...bundled, tokenizer: { ...(bundled.tokenizer as Gguf), ...change } };
}

/** As it is read again from the folder. */
function written(from: ModelSource): TokenizerSource {
  const files = JSON.parse(JSON.stringify(tokenizerFiles(from))) as ReturnType<typeof tokenizerFiles>;
  return { kind: 'huggingface', ...files };
}

const names = [
  ...new Set(['smollm', 'llama-bpe', 'falcon', 'deepseek-v3', 'bloom', 'tekken', ...Object.keys(words)]),
];

describe('written as tokenizer.json', () => {
  test.each(names)('a vocabulary cut as by %s gives the same ids', async (preTokenizer) => {
    const own = await source({ preTokenizer });
    const before = loadTokenizer(own.tokenizer!, own.special);
    const after = loadTokenizer(written(own), own.special);
    for (const text of [...texts, ...marked]) {
      for (const special of [true, false]) {
        const options = { special, addBos: true };
        expect(after.encode(text, options), text).toEqual(before.encode(text, options));
      }
    }
  });

  test('a space before the text and a token at its beginning are kept', async () => {
    const own = await source({ addSpacePrefix: true, addBos: true });
    const before = loadTokenizer(own.tokenizer!, own.special);
    const after = loadTokenizer(written(own), own.special);
    const options = { special: false, addBos: true };
    expect(before.encode('x', options)[0]).toBe(own.special.bos);
    for (const text of texts) expect(after.encode(text, options)).toEqual(before.encode(text, options));
  });

  test('special tokens and chat templates are those of the file', async () => {
    const own = await source();
    const again = written(own) as Extract<TokenizerSource, { kind: 'huggingface' }>;
    const ids = readSpecialIds([], again);
    expect(ids.bos).toBe(own.special.bos);
    expect(ids.ends).toContain(own.special.ends[0]);
    expect(again.config['chat_template']).toBe(own.templates[0]!.template);
  });

  test('an unknown way to cut text cannot be, and that is said', async () => {
    const own = await source({ preTokenizer: 'nobody-knows' });
    expect(() => tokenizerFiles(own)).toThrow(
      expect.objectContaining({
        code: 'unsupported-feature',
        message: expect.stringMatching(/"nobody-knows" .*\(--format pack\)\.$/) as string,
      }),
    );
  });

  test('tokens of the same text cannot be, nor no tokenizer at all', async () => {
    const own = await source();
    const tokens = [...(own.tokenizer as Gguf).tokens];
    tokens[400] = tokens[401]!;
    const doubled = await source({ tokens });
    expect(() => tokenizerFiles(doubled)).toThrow(/same text/);
    expect(() => tokenizerFiles({ ...own, tokenizer: null })).toThrow(/has none/);
  });
});
