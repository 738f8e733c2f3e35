/** Normalizers and pre-tokenizers of tokenizer.json. */
import { z } from 'zod';
import { toByteCharacters } from './byte-characters.ts';
import { readPart, tokenizerFile, unsupportedPart } from './huggingface-parts.ts';
import { compileOniguruma, lossyPart } from './oniguruma.ts';
import { gpt2Pattern } from './pre-tokenizers.ts';
import { behaviours, inTurn, splitByPattern } from './splitting.ts';
import type { Behaviour, SplitStep } from './splitting.ts';

const Typed = z.looseObject({ type: z.string() });
const Pattern = z.union([z.object({ String: z.string().min(1) }), z.object({ Regex: z.string() })]);

/** Patterns that lose a possessive or atomic part without any change, because what follows cannot match what was taken. */
const harmless = new Set([
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
]);

function compile(value: unknown, field: string, warnings: string[]): RegExp {
  const pattern = readPart(Pattern, value, field);
  if ('String' in pattern)
    return new RegExp(pattern.String.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`), 'gu');
  const lossy = lossyPart(pattern.Regex);
  if (lossy !== null && !harmless.has(pattern.Regex)) {
    warnings.push(
      `${tokenizerFile}, ${field}: "${lossy}" is read without its possessive meaning; text may be cut differently.`,
    );
  }
  return compileOniguruma(pattern.Regex, field);
}

const Replace = z.object({ pattern: z.unknown(), content: z.string() });
const Strip = z.object({ strip_left: z.boolean().default(true), strip_right: z.boolean().default(true) });
const Prepend = z.object({ prepend: z.string() });
const leading = /^\p{White_Space}+/u;
const trailing = /\p{White_Space}+$/u;

export type Normalize = (text: string) => string;

/** A normalizer as a function. Throws `unsupported-feature` naming an unknown type. */
export function normalizerOf(value: unknown, field: string, warnings: string[]): Normalize {
  if (value === null || value === undefined) return (text) => text;
  const part = readPart(Typed, value, field);
  switch (part.type) {
    case 'Sequence': {
      const list = readPart(z.array(z.unknown()), part['normalizers'], `${field}.normalizers`);
      const steps = list.map((each, index) => normalizerOf(each, `${field}.normalizers[${index}]`, warnings));
      return (text) => steps.reduce((result, step) => step(result), text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = part.type;
      return (text) => text.normalize(form);
    }
    case 'Lowercase':
      return (text) => text.toLowerCase();
    case 'Prepend': {
      const { prepend } = readPart(Prepend, part, field);
      return (text) => (text === '' ? text : prepend + text);
    }
    case 'Strip': {
      const strip = readPart(Strip, part, field);
      return (text) => {
        const left = strip.strip_left ? text.replace(leading, '') : text;
        return strip.strip_right ? left.replace(trailing, '') : left;
      };
    }
    case 'Replace': {
      const { pattern, content } = readPart(Replace, part, field);
      const compiled = compile(pattern, `${field}.pattern`, warnings);
      return (text) => text.replace(compiled, () => content);
    }
    default:
      throw unsupportedPart(field, part.type);
  }
}

const ByteLevel = z.object({
  add_prefix_space: z.boolean().default(true),
  use_regex: z.boolean().default(true),
});
const Split = z.object({ pattern: z.unknown(), behavior: z.string(), invert: z.boolean().default(false) });
const Digits = z.object({ individual_digits: z.boolean().default(false) });
const Punctuation = z.object({ behavior: z.string().default('Isolated') });
const Metaspace = z.object({
  replacement: z.string().default('▁'),
  add_prefix_space: z.boolean().optional(),
  prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
  split: z.boolean().default(true),
});

function behaviourOf(name: string, field: string): Behaviour {
  const found = behaviours.find((each) => each === name.toLowerCase().replaceAll('_', ''));
  if (found === undefined) throw unsupportedPart(field, `behaviour ${name}`);
  return found;
}

function byteLevel(part: z.output<typeof ByteLevel>): SplitStep {
  const cut = splitByPattern(gpt2Pattern, 'isolated', false);
  return (word, first) => {
    const text = part.add_prefix_space && !word.startsWith(' ') ? ` ${word}` : word;
    return (part.use_regex ? cut(text, first) : [text]).map(toByteCharacters);
  };
}

function metaspace(part: z.output<typeof Metaspace>): SplitStep {
  const { replacement } = part;
  const scheme = part.prepend_scheme ?? (part.add_prefix_space === false ? 'never' : 'always');
  const escaped = replacement.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
  const cut = splitByPattern(new RegExp(escaped, 'gu'), 'mergedwithnext', false);
  return (word, first) => {
    let text = word.replaceAll(' ', replacement);
    const prepends = scheme === 'always' || (scheme === 'first' && first);
    if (prepends && !text.startsWith(replacement)) text = replacement + text;
    return part.split ? cut(text, first) : [text];
  };
}

/** A pre-tokenizer as a splitting step. Throws `unsupported-feature` naming an unknown type. */
export function splitterOf(value: unknown, field: string, warnings: string[]): SplitStep {
  if (value === null || value === undefined) return (word) => [word];
  const part = readPart(Typed, value, field);
  switch (part.type) {
    case 'Sequence': {
      const list = readPart(z.array(z.unknown()), part['pretokenizers'], `${field}.pretokenizers`);
      return inTurn(list.map((each, index) => splitterOf(each, `${field}.pretokenizers[${index}]`, warnings)));
    }
    case 'ByteLevel':
      return byteLevel(readPart(ByteLevel, part, field));
    case 'Metaspace':
      return metaspace(readPart(Metaspace, part, field));
    case 'Split': {
      const split = readPart(Split, part, field);
      const pattern = compile(split.pattern, `${field}.pattern`, warnings);
      return splitByPattern(pattern, behaviourOf(split.behavior, `${field}.behavior`), split.invert);
    }
    case 'Digits': {
      const { individual_digits } = readPart(Digits, part, field);
      return splitByPattern(/\p{N}/gu, individual_digits ? 'isolated' : 'contiguous', false);
    }
    case 'Punctuation': {
      const { behavior } = readPart(Punctuation, part, field);
      return splitByPattern(/[\p{P}$+<=>^`|~]/gu, behaviourOf(behavior, `${field}.behavior`), false);
    }
    case 'WhitespaceSplit':
      return splitByPattern(/\p{White_Space}/gu, 'removed', false);
    case 'Whitespace':
      return splitByPattern(/[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{White_Space}]+/gu, 'removed', true);
    default:
      throw unsupportedPart(field, part.type);
  }
} // prettier-ignore
