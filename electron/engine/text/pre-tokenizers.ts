import { toByteCharacters } from './byte-characters.ts';
import { isolateAll, unicodePattern } from './splitting.ts';
import type { SplitStep } from './splitting.ts';

/**
 * How a byte-level BPE of a GGUF file cuts text into words, by `tokenizer.ggml.pre`. The names are llama.cpp's; the patterns are
 * those of the models' own tokenizer.json, each match isolated, one pattern after the other.
 */
export interface PreTokenizer {
  readonly patterns: readonly RegExp[];
  /** Patterns that cut once more, after the words have been written as byte-level characters. */
  readonly bytePatterns: readonly RegExp[];
  /** Both as tokenizer.json writes them. */
  readonly sources: { readonly patterns: readonly string[]; readonly bytePatterns: readonly string[] };
  /** A whole word that is a token is not merged from its parts. */
  readonly ignoreMerges: boolean;
  /** Whether such models begin a text with BOS where the file does not say. */
  readonly addsBos: boolean;
}

const contraction = String.raw`'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])`;
const spaces = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const lead = String.raw`[^\r\n\p{L}\p{N}]?`;
const marks = String.raw` ?[^\s\p{L}\p{N}]+`;

const gpt2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|${marks}|\s+(?!\S)|\s+`;
/** The cl100k shape: Llama 3 takes three digits at a time, Qwen 2 one. */
const cl100k = (digits: string): string =>
  String.raw`${contraction}|${lead}\p{L}+|${digits}|${marks}[\r\n]*|${spaces}`;
/** The o200k shape: words also break where lower case meets upper case. */
const cased = (suffix: string, digits: string): string =>
  String.raw`${lead}${upper}*${lower}+${suffix}|${lead}${upper}+${lower}*${suffix}|${digits}|${marks}[\r\n/]*|${spaces}`;
const asciiMarks = String.raw`[!-\/:-@\[-\x60{-~]`;
const deepseek3 = String.raw`${asciiMarks}[A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|${spaces}`;
/** Cased letters without the modifier and other letters: what DeepSeek-LLM's own list of ranges spells out. */
const deepseekLetters = String.raw`\s?[\p{Lu}\p{Ll}\p{Lt}]+`;
const deepseekMarks = String.raw`\s?[!-\/:-~！-／：-～‘-‟　-。]+`;
const deepseekHan = '[一-龥ࠀ-一가-\u{d7ff}]+';
const bloom = ' ?[^(\\s|.,!?…。，、।۔،)]+';

interface Entry {
  readonly names: readonly string[];
  readonly patterns: readonly string[];
  readonly bytePatterns?: readonly string[];
  readonly ignoreMerges?: true;
  readonly addsBos?: true;
}

const table: readonly Entry[] = [
  {
    names: ['gpt-2', 'default', 'phi-2', 'olmo', 'mpt', 'jais', 'exaone4', 'gigachat', 'mellum', 'modern-bert', 'trillion',
      'granite-docling', 'a.x-4.0', 'jina-es', 'jina-de', 'jina-v2-es', 'jina-v2-de', 'jina-v1-en', 'jina-v2-code', 'roberta-bpe'],
    patterns: [gpt2],
  },
  {
    names: ['smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b', 'mellum2'],
    patterns: [String.raw`\p{N}`, gpt2],
  },
  {
    names: ['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2'],
    patterns: [cl100k(String.raw`\p{N}{1,3}`)],
    ignoreMerges: true,
    addsBos: true,
  },
  { names: ['dbrx', 'smaug-bpe', 'chatglm-bpe', 'glm4'], patterns: [cl100k(String.raw`\p{N}{1,3}`)] },
  {
    names: ['qwen2', 'stablelm2', 'deepseek-r1-qwen', 'megrez', 'hunyuan', 'grok-2', 'solar-open', 'kormo'],
    patterns: [cl100k(String.raw`\p{N}`)],
  },
  {
    names: ['qwen35'],
    patterns: [
      String.raw`${contraction}|${lead}[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|${spaces}`,
    ],
  },
  {
    names: ['bailingmoe', 'bailingmoe2', 'llada-moe'],
    patterns: [
      String.raw`'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|${lead}\p{L}+|\p{N}|${marks}[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
    ],
  },
  {
    names: ['seed-coder'],
    patterns: [String.raw`${contraction}|${lead}\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|${spaces}`],
  },
  { names: ['tekken'], patterns: [cased('', String.raw`\p{N}`)], ignoreMerges: true, addsBos: true },
  {
    names: ['gpt-4o', 'llama4', 'kanana2', 'minimax-m2'],
    patterns: [cased(`(?:${contraction})?`, String.raw`\p{N}{1,3}`)],
  },
  {
    names: ['deepseek-llm'],
    patterns: [String.raw`[\r\n]`, deepseekLetters, deepseekMarks, String.raw`\s+$`, deepseekHan, String.raw`\p{N}+`],
  },
  {
    names: ['deepseek-coder'],
    patterns: [String.raw`[\r\n]`, String.raw`\s?\p{L}+`, String.raw`\s?\p{P}+`, deepseekHan, String.raw`\p{N}`],
  },
  {
    names: ['deepseek-v3', 'hunyuan-dense'],
    patterns: [String.raw`\p{N}{1,3}`, '[一-龥぀-ゟ゠-ヿ]+', deepseek3],
  },
  {
    names: ['falcon'],
    patterns: ['[\\p{P}$+<=>^~|`]+', gpt2],
    bytePatterns: [String.raw`\p{N}+`, '[0-9][0-9][0-9]'],
  },
  { names: ['bloom', 'poro-chat', 'gpt3-finnish'], patterns: [bloom] },
  { names: ['viking'], patterns: [bloom, String.raw`\p{N}`] },
]; // prettier-ignore

/** The pre-tokenizer of a GGUF file; null where its name is unknown. */
export function preTokenizerOf(name: string): PreTokenizer | null {
  const entry = table.find((each) => each.names.includes(name));
  if (entry === undefined) return null;
  return {
    patterns: entry.patterns.map(unicodePattern),
    bytePatterns: (entry.bytePatterns ?? []).map(unicodePattern),
    sources: { patterns: entry.patterns, bytePatterns: entry.bytePatterns ?? [] },
    ignoreMerges: entry.ignoreMerges ?? false,
    addsBos: entry.addsBos ?? false,
  };
}

/** GPT-2's own pattern, which Hugging Face's ByteLevel step has built in. */
export const gpt2Pattern = unicodePattern(gpt2);

/** Cuts text into words of byte-level characters. */
export function byteWords(preTokenizer: PreTokenizer): SplitStep {
  const cut = isolateAll(preTokenizer.patterns);
  if (preTokenizer.bytePatterns.length === 0) return (text, first) => cut(text, first).map(toByteCharacters);
  const cutAgain = isolateAll(preTokenizer.bytePatterns);
  return (text, first) => cut(text, first).flatMap((word) => cutAgain(toByteCharacters(word), false));
}
