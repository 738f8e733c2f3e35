/** What a replay of the bundled model says. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { loadTokenizer } from '../../../electron/engine/text/tokenizer.ts';

const bundled = fileURLToPath(
  new URL('../../../models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url),
);

/** How long the text of `file`, said over and over, is after each token. */
export async function lengthsOfSaid(file: string, tokens: number): Promise<number[]> {
  const { tokenizer: source, special } = await readModelSource(bundled);
  if (!source) throw new Error('The bundled model has no tokenizer.');
  const tokenizer = loadTokenizer(source, special);
  const ids = tokenizer.encode(readFileSync(file, 'utf8'), { special: false, addBos: false });
  const stream = tokenizer.decoder.stream();
  let length = 0;
  return Array.from({ length: tokens }, (_, token) => {
    length += stream.push(ids[token % ids.length] ?? 0).length;
    return length;
  });
}
