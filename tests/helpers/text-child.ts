/** The child of tests/hostile: tokenizers and templates in a process that the test may kill. Answers { id, value } or { id, error }. */
import { toLabError } from '../../electron/contract/errors.ts';
import type { JsonObject } from '../../electron/contract/model-source.ts';
import { ChatTemplate } from '../../electron/engine/text/chat-template.ts';
import { loadTokenizer } from '../../electron/engine/text/tokenizer.ts';
import type { Tokenizer } from '../../electron/engine/text/tokenizer.ts';
import { bundledTokenizer, noSpecials, sentencePieceSource, sentencePieceSpecials } from './tokenizers.ts';

/** `what`: 'bundled', 'llama2', or the text of a tokenizer.json. */
export type TextRequest =
  | { readonly operation: 'load'; readonly what: string }
  | { readonly operation: 'encode'; readonly text: string }
  | { readonly operation: 'decode'; readonly ids: readonly number[] }
  | { readonly operation: 'render'; readonly template: string };

export interface Encoding {
  readonly count: number;
  readonly first: readonly number[];
  /** Decoding gives the text back. */
  readonly returns: boolean;
}

let tokenizer: Tokenizer | null = null;

async function answer(request: TextRequest): Promise<unknown> {
  switch (request.operation) {
    case 'load':
      tokenizer = await load(request.what);
      return tokenizer.vocabularySize;
    case 'encode': {
      const ids = (tokenizer as Tokenizer).encode(request.text, { special: false, addBos: false });
      const returns = (tokenizer as Tokenizer).decoder.decode(ids) === request.text;
      return { count: ids.length, first: ids.slice(0, 8), returns } satisfies Encoding;
    }
    case 'decode':
      return (tokenizer as Tokenizer).decoder.decode(request.ids);
    case 'render': {
      const messages = [{ role: 'user', content: 'Hi' }];
      return new ChatTemplate(request.template, { bos_token: '<s>' }).render(messages, true).rendered;
    }
  }
}

async function load(what: string): Promise<Tokenizer> {
  if (what === 'bundled') return (await bundledTokenizer()).tokenizer;
  if (what === 'llama2') return loadTokenizer(sentencePieceSource('llama2'), sentencePieceSpecials.llama2);
  return loadTokenizer(
    { kind: 'huggingface', tokenizer: JSON.parse(what) as JsonObject, config: {} },
    noSpecials,
  );
}

process.on('message', ({ id, request }: { id: number; request: TextRequest }) => {
  answer(request).then(
    (value) => process.send?.({ id, value }),
    (thrown: unknown) => {
      const { code, message, detail } = toLabError(thrown);
      process.send?.({ id, error: { code, message, detail } });
    },
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0, value: 'ready' });
