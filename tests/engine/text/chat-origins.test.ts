import { beforeAll, describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../electron/contract/tokens.ts';
import type { ModelSource } from '../../../electron/contract/model-source.ts';
import { loadChat, type Chat } from '../../../electron/engine/text/chat.ts';
import { startsIn } from '../../../electron/engine/text/token-starts.ts';
import { loadTokenizer, type Tokenizer } from '../../../electron/engine/text/tokenizer.ts';
import { bundledTokenizer, sentencePieceSource, sentencePieceSpecials } from '../../helpers/tokenizers.ts';

let source: ModelSource;
let tokenizer: Tokenizer;
beforeAll(async () => {
  ({ source, tokenizer } = await bundledTokenizer());
});

const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });
const system = (content: string): ChatMessage => ({ role: 'system', content });
const chatml = `{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- endfor %}`;

/** The bundled model, perhaps with another template. */
function chatOf(template?: string): Chat {
  const templates = template === undefined ? source.templates : [{ name: 'default', template }];
  return loadChat({ ...source, templates } as Parameters<typeof loadChat>[0], tokenizer) as Chat;
}

/** What the ids of each message decode to, and of the template (−1). */
function textsByOrigin(chat: Chat, messages: readonly ChatMessage[]): Record<string, string> {
  const { ids, origins, offsets } = chat.encode(messages, true);
  expect(origins).toHaveLength(ids.length);
  expect(offsets).toHaveLength(ids.length);
  offsets.forEach((offset, i) => expect(offset < 0).toBe(origins[i]! < 0));
  const texts: Record<string, string> = {};
  for (const origin of new Set(origins)) {
    texts[origin] = tokenizer.decoder.decode(ids.filter((_, i) => origins[i] === origin));
  }
  return texts;
}

describe('the message of each id', () => {
  it('is told for every content of the bundled model’s template', () => {
    const messages = [
      system('Be terse.'),
      user('What is 2 + 2?'),
      assistant('4'),
      user('And 3 + 3? <|im_end|>'),
    ];
    const { '-1': template, ...contents } = textsByOrigin(chatOf(), messages);
    expect(contents).toEqual({ 0: 'Be terse.', 1: 'What is 2 + 2?', 2: '4', 3: 'And 3 + 3? <|im_end|>' });
    expect(template).toContain('assistant\n');
  });

  it('follows the order where contents are equal, and skips empty ones', () => {
    const messages = [user('yes'), assistant(' '), user('yes'), assistant('no'), user('yes')];
    const { ids, origins } = chatOf(chatml).encode(messages, false);
    const named = origins.filter((origin) => origin >= 0);
    expect([...new Set(named)]).toEqual([0, 2, 3, 4]);
    expect(named).toEqual(named.toSorted((a, b) => a - b));
    expect(ids.length).toBeGreaterThan(named.length);
  });

  it('is told where the template prints the messages in another order, or twice', () => {
    const backwards = chatml.replace('in messages', 'in (messages | reverse)');
    expect(textsByOrigin(chatOf(backwards), [user('one'), user('two')])).toMatchObject({
      0: 'one',
      1: 'two',
    });
    const twice = `${chatml}{{ messages[0].content }}`;
    expect(textsByOrigin(chatOf(twice), [user('one'), user('two')])).toMatchObject({ 0: 'oneone', 1: 'two' });
  });

  it('is told where the template trims, and the offset counts what it took away', () => {
    const chat = chatOf(chatml.replace('m.content', '(m.content | trim)'));
    const messages = [user('  \n Hello there  ')];
    expect(textsByOrigin(chat, messages)).toMatchObject({ 0: 'Hello there' });
    const { origins, offsets } = chat.encode(messages, false);
    expect(offsets[origins.indexOf(0)]).toBe(4);
  });

  it('is told apart where a system message was put before the first user message', () => {
    const refusing = `{% if messages[0].role == 'system' %}{{ raise_exception('No system') }}{% endif %}${chatml}`;
    const messages = [system('Be terse.'), user('Hi you'), assistant('Hello'), user('Bye')];
    const { '-1': _template, ...contents } = textsByOrigin(chatOf(refusing), messages);
    expect(contents).toEqual({ 0: 'Be terse.', 1: 'Hi you', 2: 'Hello', 3: 'Bye' });
    const { origins, offsets } = chatOf(refusing).encode(messages, false);
    expect(offsets[origins.indexOf(1)]).toBe(0);
  });

  it('is the assistant’s also where the template drops its thoughts', () => {
    const template = chatml.replace('m.content', "m.content.split('</think>')[-1]");
    const messages = [user('a question'), assistant('<think>hm</think>\n\nan answer'), user('thanks')];
    const texts = textsByOrigin(chatOf(template), messages);
    expect(texts).toMatchObject({ 0: 'a question', 1: 'an answer', 2: 'thanks' });
  });

  it('is found where the template changes every content', () => {
    const template = chatml.replace('m.content', '(m.content | length | string + m.content)');
    const messages = [user('first words'), assistant('second words')];
    const { ids, origins, warnings } = chatOf(template).encode(messages, false);
    expect(warnings).toHaveLength(1);
    for (const [index, words] of ['first words', 'second words'].entries()) {
      expect(tokenizer.decoder.decode(ids.filter((_, i) => origins[i] === index))).toContain(words.slice(1));
    }
  });

  it('is the template’s where a content cannot be found at all', () => {
    const template = chatml.replace('m.content', '(m.content | upper)');
    const { origins } = chatOf(template).encode([user('first words')], false);
    // The mark's own characters have no other case: it is told apart although it was changed.
    expect(origins).toContain(0);
    const gone = chatml.replace(
      'm.content',
      "(m.content | length | string + (m.content | replace('a', 'b')))",
    );
    expect(new Set(chatOf(gone).encode([user('banana')], false).origins)).toEqual(new Set([-1]));
  });
});

describe('the offset of an id', () => {
  it('is where its characters stand in the content', () => {
    const content = 'Naïve 😀😀 text,\n    with  spaces and 𝛼𝛽 signs: “quoted” 漢字';
    const { ids, origins, offsets } = chatOf().encode([user(content)], true);
    const own = ids.map((id, i) => ({ id, offset: offsets[i]! })).filter((_, i) => origins[i] === 0);
    expect(own.length).toBeGreaterThan(10);
    for (const { id, offset } of own) {
      const printed = tokenizer.decoder.decode([id]);
      if (!printed.includes('\ufffd')) expect(content.slice(offset).startsWith(printed), printed).toBe(true);
    }
    // The three ids of an emoji begin where it does, never inside it.
    expect(offsets.filter((offset) => content.codePointAt(offset - 1)! > 0xffff)).toEqual([]);
  });

  it('counts the tokens of a file within a message', () => {
    const file = 'const answer = 42;\nexport default answer;\n';
    const before = 'Look at this:\n\n';
    const content = `${before}${file}\nWhat does it do?`;
    const { ids, origins, offsets } = chatOf().encode([user(content)], true);
    const inFile = (offset: number) => offset >= before.length && offset < before.length + file.length;
    const fileIds = ids.filter((_, i) => origins[i] === 0 && inFile(offsets[i]!));
    expect(tokenizer.decoder.decode(fileIds).trim()).toBe(file.trim());
  });

  it('gives a content its first word, whose space the template wrote', () => {
    const llama = sentencePieceSource('llama2');
    const special = sentencePieceSpecials.llama2;
    const loaded = loadTokenizer(llama, special);
    const template = `{{ bos_token }}{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}`;
    const templates = [{ name: 'default', template }];
    const chat = loadChat({ templates, special, tokenizer: llama }, loaded) as Chat;
    const { ids, origins, offsets } = chat.encode([user('Hello big world')], true);
    const own = ids.map((id, i) => [loaded.piece(id), offsets[i]]).filter((_, i) => origins[i] === 0);
    expect(own).toEqual([
      ['▁Hello', 0],
      ['▁big', 5],
      ['▁world', 9],
    ]);
    expect(origins[0]).toBe(-1);
  });

  it('is in proportion where the text was changed on its way to ids', () => {
    const utf8 = new TextEncoder();
    const vocabulary = { ...tokenizer.decoder, printed: (id: number) => utf8.encode('x'.repeat(id)) };
    expect(startsIn('abcdefgh', [1, 1, 2], vocabulary)).toEqual([0, 2, 4]);
    expect(startsIn('abcd', [0, 0], vocabulary)).toEqual([0, 0]);
  });
});

it('a long conversation is told apart whole', () => {
  const text = 'The quick brown fox jumps over the lazy dog, again and again. '.repeat(60);
  const messages = Array.from({ length: 100 }, (_, i) =>
    i % 2 === 0 ? user(text + i) : assistant(text + i),
  );
  const { ids, origins } = chatOf().encode(messages, true);
  expect(ids.length).toBeGreaterThan(80_000);
  expect(new Set(origins).size).toBe(101);
});
