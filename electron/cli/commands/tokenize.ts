import { badArgument, type Arguments } from '../arguments.ts';
import type { Command } from '../command.ts';
import { jsonOption, modelFrom, readMessages } from '../shared-options.ts';

export const tokenize: Command = {
  name: 'tokenize',
  summary: 'Turn a text or a conversation into token ids.',
  usage: ['tokenize MODEL --text TEXT [--special] [--bos]', 'tokenize MODEL --chat messages.json'],
  options: {
    text: { value: 'TEXT', help: 'the text; names of special tokens in it are plain text' },
    special: { help: 'obey names of special tokens in the text' },
    bos: { help: 'begin as the model’s files ask (begin token)' },
    chat: { value: 'FILE', help: 'messages, through the chat template' },
    'no-generation-prompt': { help: 'with --chat: end after the last message' },
    ...jsonOption,
  },

  async run(given, { client, signal, output }) {
    const [model] = given.exactly('MODEL');
    const content = await contentFrom(given);
    const { ids, pieces, warnings } = await client.tokenize({ model: modelFrom(model), content }, { signal });
    for (const warning of warnings) output.note(`warning: ${warning}`);
    if (output.isJson) output.json({ ids, pieces });
    else ids.forEach((id, i) => output.line(`${String(id).padStart(8)}  ${JSON.stringify(pieces[i] ?? '')}`));
    return 0;
  },
};

async function contentFrom(given: Arguments) {
  const text = given.text('text');
  const chat = given.text('chat');
  if ((text === undefined) === (chat === undefined)) throw badArgument('Give one of --text and --chat.');
  if (text !== undefined) {
    return { kind: 'text' as const, text, special: given.has('special'), addBos: given.has('bos') };
  }
  if (given.has('special') || given.has('bos')) throw badArgument('--special and --bos go with --text.');
  const messages = await readMessages(chat ?? '');
  return { kind: 'chat' as const, messages, addGenerationPrompt: !given.has('no-generation-prompt') };
}
