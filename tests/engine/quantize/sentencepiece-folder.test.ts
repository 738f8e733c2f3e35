/** A GGUF file with a SentencePiece vocabulary as a folder: text, templates and logits are those of the pack. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ChatMessage } from '../../../electron/contract/tokens.ts';
import type { ModelSource, TokenizerSource } from '../../../electron/contract/model-source.ts';
import { quantizeModel } from '../../../electron/engine/quantize/quantize-model.ts';
import { loadChat } from '../../../electron/engine/text/chat.ts';
import { loadTokenizer } from '../../../electron/engine/text/tokenizer.ts';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { maximumDifference } from '../../helpers/golden.ts';
import { labError, makeFolder } from '../../helpers/model-folder.ts';
import { greedy, rowsOf } from '../../helpers/native-engine.ts';
import { quiet } from '../../helpers/packs.ts';
import { sentencePieceGguf, smallSentencePieces, smallTemplate } from '../../helpers/sentencepiece-gguf.ts';
import { openBoth, outOf, request } from '../../helpers/variants.ts';

const messages: ChatMessage[] = [
  { role: 'user', content: 'the  sand 日本 😀\n\n<|end|> 12' },
  { role: 'assistant', content: ' and the hills\t' },
  { role: 'user', content: 'ünd' },
];

async function textOf(path: string) {
  const source = await readModelSource(path);
  const tokenizer = loadTokenizer(source.tokenizer as TokenizerSource, source.special);
  const chat = loadChat(source as ModelSource & { tokenizer: TokenizerSource }, tokenizer)!;
  return { source, tokenizer, chat };
}

test.each(['q8', 'q4-g16-zp'])('by %s it answers a conversation as the pack does', async (recipe) => {
  const path = join(makeFolder({ 'small.gguf': await sentencePieceGguf() }), 'small.gguf');
  const outcome = await quantizeModel(request(path, recipe), quiet);
  const [own, written] = [await textOf(path), await textOf(outOf(outcome, 'onnx'))];
  expect(written.source.templates).toEqual([{ name: 'default', template: smallTemplate }]);
  expect(written.source.special).toMatchObject({ bos: 1, ends: [2, 5], unknown: 0 });
  expect(written.chat.turnEnds()).toEqual(own.chat.turnEnds());
  const { ids } = own.chat.encode(messages, true);
  expect(written.chat.encode(messages, true).ids).toEqual(ids);
  expect([ids[0], ids.filter((id) => id === 5).length]).toEqual([1, 3]);
  const { pack, folder } = await openBoth(outcome);
  const expected = await rowsOf(pack, Int32Array.from(ids));
  expect(maximumDifference(await rowsOf(folder, Int32Array.from(ids)), expected)).toBeLessThan(1e-4);
  pack.truncate(0);
  folder.truncate(0);
  const reply = await greedy(pack, ids, 16);
  expect(await greedy(folder, ids, 16)).toEqual(reply);
  expect(written.tokenizer.decoder.decode(reply)).toBe(own.tokenizer.decoder.decode(reply));
});

test('a vocabulary whose ids would differ is refused before anything is written, and is packed', async () => {
  const tied = smallSentencePieces({ scores: new Float32Array(320) });
  const path = join(makeFolder({ 'tied.gguf': await sentencePieceGguf(tied) }), 'tied.gguf');
  const asked = request(path, 'q8');
  const error = await labError(quantizeModel(asked, quiet));
  expect(error.code).toBe('unsupported-feature');
  expect(error.message).toMatch(/^The tokenizer of tied.* same score.*\(--format pack\)\.$/);
  expect(readdirSync(asked.out)).toEqual([]);
  await quantizeModel({ ...asked, formats: ['pack'] }, quiet);
  expect(readdirSync(asked.out)).toEqual(['tied-q8-g32.retortpack']);
});
