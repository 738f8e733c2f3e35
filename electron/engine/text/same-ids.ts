/** Whether two tokenizers make the same ids: tried on texts, not proven. */
import type { Tokenizer } from './tokenizer.ts';

/** The first of the texts that two tokenizers make different ids of; null: none. */
export function differingText(
  one: Tokenizer,
  other: Tokenizer,
  texts: Iterable<string>,
  special: boolean,
): string | null {
  const options = { special, addBos: true };
  for (const text of texts) {
    if (one.encode(text, options).join() !== other.encode(text, options).join()) return text;
  }
  return null;
}

/** Scripts, numbers, white space, marks, characters that few vocabularies have. */
export const sampleTexts: readonly string[] = [
  'The ship left at 06:45 — with 1,234,567 tons, 3.14 % more than in 1999.',
  '  two spaces before, three   between, four after    ',
  'if (x <= 10) {\n\treturn f(x, "a\\n");\r\n}\n\n\n# end\n',
  '\n\n \n\t\t\n',
  `a${' '.repeat(70)}b${'\n'.repeat(40)}`,
  'Größe, naïveté, señor, e\u0301, Ångström, Šiauliai, đồng',
  'Сегодня идёт снег. Θάλασσα και ήλιος.',
  '今天下雨。雨が降っている。오늘은 비가 온다.',
  'سماء زرقاء שמיים כחולים आसमान नीला है ท้องฟ้าสีฟ้า',
  '😀🚲 👩🏽‍🚀 🇨🇭 ❤️ 𝒳 \u{1f9ff}\u{12000}\u{10348}\ua66e',
  '\u0000\u0001\u007f\u00a0\u200b\u2028\ufeff\ufffd',
  '▁a▁▁b ▁ <0x41> <s> </s> <unk>',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=================......--------',
];

/** Pieces that are tried in one text, and in all. */
const [perText, mostPieces] = [8, 32_768];

/** Texts of pieces from all over the vocabulary, all of them where there are not too many, next to ones that lie far from them. */
export function* shuffledTexts(pieces: readonly string[]): Generator<string> {
  const stride = strideOf(pieces.length);
  const count = Math.min(pieces.length, mostPieces);
  for (let first = 0; first < count; first += perText) {
    let text = '';
    for (let index = first; index < Math.min(first + perText, count); index += 1) {
      text += pieces[(index * stride) % pieces.length] ?? '';
    }
    yield text;
  }
}

/** A number near the golden section of `size` that shares no factor with it: its multiples visit every index once. */
function strideOf(size: number): number {
  const factor = (a: number, b: number): number => (b === 0 ? a : factor(b, a % b));
  let stride = Math.max(1, Math.round(size * 0.618));
  while (factor(stride, size) !== 1) stride += 1;
  return stride;
}
