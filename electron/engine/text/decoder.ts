/** From ids to text: needs the vocabulary only, so the process that computes loads neither merges nor patterns. */
import { z } from 'zod';
import type { TokenizerSource } from '../../contract/model-source.ts';
import { fromByteCharacters } from './byte-characters.ts';
import { byteOfPiece, checkGgufTokens, ggufAddedTokens } from './gguf-vocabulary.ts';
import type { GgufTokenizer } from './gguf-vocabulary.ts';
import { readPart, unsupportedPart } from './huggingface-parts.ts';
import { readVocabulary } from './huggingface-vocabulary.ts';
import type { AddedToken } from './pipeline.ts';

export interface StreamOptions {
  /** The text goes on from other text, so a leading space is kept. */
  readonly continues?: boolean;
}

/** Takes ids one by one and gives back whole characters only. */
export interface TokenStream {
  /** The text that is certain after this id; an incomplete character waits. Special tokens and ids without a token print nothing. */
  push(id: number): string;
  /** Bytes of a character wait for the rest of it. */
  readonly isIncomplete: boolean;
  /** What is left: an incomplete character becomes U+FFFD. */
  end(): string;
}

export interface TokenDecoder {
  readonly vocabularySize: number;
  stream(options?: StreamOptions): TokenStream;
  /** All ids at once. */
  decode(ids: readonly number[], options?: StreamOptions): string;
  /** One id for display: bytes that are whole characters as characters, anything else as the vocabulary writes it. */
  piece(id: number): string;
}

/** A decoder that also tells what single ids add to a text. */
export interface VocabularyText extends TokenDecoder {
  /** The bytes an id prints; of a text's first id perhaps with a space in front that the text does not have. */
  printed(id: number): Uint8Array;
}

/** How token texts become bytes. */
interface Decoding {
  /** Token texts are byte-level characters. */
  readonly byteLevel: boolean;
  /** `<0xNN>` tokens are bytes. */
  readonly byteFallback: boolean;
  readonly replacements: readonly (readonly [string, string])[];
  /** The first space of a text was added when it was encoded. */
  readonly stripsLeadingSpace: boolean;
}

interface Vocabulary {
  readonly tokens: readonly (string | undefined)[];
  readonly added: readonly AddedToken[];
}

/**
 * Loads the decoder alone. Throws `unsupported-feature` naming a kind of tokenizer or decoder that is not implemented, `bad-file` naming
 * a malformed field.
 */
export function loadDecoder(source: TokenizerSource): TokenDecoder {
  if (source.kind === 'huggingface')
    return decoderOf(source, readVocabulary(source.tokenizer, source.config));
  checkGgufTokens(source);
  return decoderOf(source, { tokens: source.tokens, added: ggufAddedTokens(source) });
}

/** The decoder where the vocabulary has been read already. */
export function decoderOf(source: TokenizerSource, vocabulary: Vocabulary): VocabularyText {
  const decoding =
    source.kind === 'gguf'
      ? ggufDecoding(source)
      : decoderSteps(source.tokenizer['decoder'], 'decoder').reduce(withStep, plain);
  return new VocabularyDecoder(vocabulary, decoding);
}

function ggufDecoding(source: GgufTokenizer): Decoding {
  const byteLevel = source.model === 'gpt2';
  return {
    byteLevel,
    byteFallback: !byteLevel,
    replacements: byteLevel ? [] : [['▁', ' ']],
    stripsLeadingSpace: !byteLevel && (source.addSpacePrefix ?? true),
  };
}

const plain: Decoding = {
  byteLevel: false,
  byteFallback: false,
  replacements: [],
  stripsLeadingSpace: false,
};

const Step = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ByteLevel') }),
  z.object({ type: z.literal('ByteFallback') }),
  z.object({ type: z.literal('Fuse') }),
  z.object({ type: z.literal('Replace'), pattern: z.object({ String: z.string() }), content: z.string() }),
  z.object({ type: z.literal('Strip'), content: z.literal(' '), start: z.literal([0, 1]), stop: z.literal(0) }),
  z.object({
    type: z.literal('Metaspace'),
    replacement: z.string().default('▁'),
    add_prefix_space: z.boolean().optional(),
    prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
  }),
]); // prettier-ignore
type Step = z.output<typeof Step>;
const stepTypes = new Set(['ByteLevel', 'ByteFallback', 'Fuse', 'Replace', 'Strip', 'Metaspace']);

function decoderSteps(value: unknown, field: string): Step[] {
  const part = readPart(z.looseObject({ type: z.string() }), value, field);
  if (part.type === 'Sequence') {
    const list = readPart(z.array(z.unknown()), part['decoders'], `${field}.decoders`);
    return list.flatMap((each, index) => decoderSteps(each, `${field}.decoders[${index}]`));
  }
  if (!stepTypes.has(part.type)) throw unsupportedPart(field, part.type);
  return [readPart(Step, part, field)];
}

function withStep(decoding: Decoding, step: Step): Decoding {
  switch (step.type) {
    case 'ByteLevel':
      return { ...decoding, byteLevel: true };
    case 'ByteFallback':
      return { ...decoding, byteFallback: true };
    case 'Fuse':
      return decoding;
    case 'Replace':
      return {
        ...decoding,
        replacements: [...decoding.replacements, [step.pattern.String, step.content]],
      };
    case 'Strip':
      return { ...decoding, stripsLeadingSpace: decoding.stripsLeadingSpace || step.start === 1 };
    case 'Metaspace': {
      const prefixed = step.prepend_scheme !== 'never' && step.add_prefix_space !== false;
      return {
        ...decoding,
        replacements: [...decoding.replacements, [step.replacement, ' ']],
        stripsLeadingSpace: decoding.stripsLeadingSpace || prefixed,
      };
    }
  }
}

const utf8 = new TextEncoder();
const nothing = new Uint8Array(0);

class VocabularyDecoder implements VocabularyText {
  readonly vocabularySize: number;
  private readonly tokens: readonly (string | undefined)[];
  private readonly decoding: Decoding;
  private readonly hidden: ReadonlySet<number>;

  constructor({ tokens, added }: Vocabulary, decoding: Decoding) {
    this.tokens = tokens;
    this.vocabularySize = tokens.length;
    this.decoding = decoding;
    this.hidden = new Set(added.filter((token) => token.special).map((token) => token.id));
  }

  stream(options: StreamOptions = {}): TokenStream {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    let strips = this.strips(options);
    const clean = (text: string): string => {
      if (!strips || text === '') return text;
      strips = false;
      return withoutSpace(text);
    };
    let missing = 0;
    return {
      push: (id) => {
        const bytes = this.printed(id);
        missing = missingBytes(bytes, missing);
        return clean(decoder.decode(bytes, { stream: true }));
      },
      get isIncomplete() {
        return missing > 0;
      },
      end: () => {
        missing = 0;
        return clean(decoder.decode());
      },
    };
  }

  decode(ids: readonly number[], options: StreamOptions = {}): string {
    const parts = ids.map((id) => this.printed(id));
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    return this.strips(options) ? withoutSpace(text) : text;
  }

  piece(id: number): string {
    const token = this.tokens[id];
    if (token === undefined) return '';
    if (!this.decoding.byteLevel || this.hidden.has(id)) return token;
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.bytesOf(token));
    return text.includes('\ufffd') ? token : text;
  }

  private strips(options: StreamOptions): boolean {
    return this.decoding.stripsLeadingSpace && options.continues !== true;
  }

  printed(id: number): Uint8Array {
    const token = this.tokens[id];
    return token === undefined || this.hidden.has(id) ? nothing : this.bytesOf(token);
  }

  private bytesOf(token: string): Uint8Array {
    if (this.decoding.byteLevel) return fromByteCharacters(token) ?? utf8.encode(token);
    const byte = this.decoding.byteFallback ? byteOfPiece(token) : null;
    if (byte !== null) return Uint8Array.of(byte);
    return utf8.encode(
      this.decoding.replacements.reduce((text, [from, to]) => text.replaceAll(from, to), token),
    );
  }
}

/** How many more bytes the last character of a UTF-8 text wants after `bytes`, where it wanted `missing` before them. */
function missingBytes(bytes: Uint8Array, missing: number): number {
  for (const byte of bytes) {
    if (missing > 0 && (byte & 0xc0) === 0x80) missing -= 1;
    else missing = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
  }
  return missing;
}

function withoutSpace(text: string): string {
  return text.startsWith(' ') ? text.slice(1) : text;
}
