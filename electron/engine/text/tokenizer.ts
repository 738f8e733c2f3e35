import { LabError } from '../../contract/errors.ts';
import type { SpecialIds, TokenizerSource } from '../../contract/model-source.ts';
import { AddedTokenFinder } from './added-tokens.ts';
import type { Allowed, Section } from './added-tokens.ts';
import { decoderOf } from './decoder.ts';
import type { TokenDecoder, VocabularyText } from './decoder.ts';
import { ggufPipeline } from './gguf-tokenizer.ts';
import { huggingFacePipeline } from './huggingface-tokenizer.ts';
import type { AddedToken, Pipeline } from './pipeline.ts';
import { startsIn } from './token-starts.ts';

/** A part of a text; `special`: names of special tokens in it are obeyed, else they are plain text. */
export interface TextSpan {
  readonly text: string;
  readonly special: boolean;
}

export interface SpanOptions {
  /** Begin with the id that the model's files want in front of every text, unless it is there already. */
  readonly addBos: boolean;
  /** Ids of more added tokens that are obeyed only where special ones are. */
  readonly reserved?: ReadonlySet<number>;
  /** The text goes on from other text: nothing is put in front of it. */
  readonly continues?: boolean;
}

export interface PlacedIds {
  readonly ids: number[];
  /** Where each id begins in the text: exact where the tokenizer takes the text as it is, else in proportion; −1: it was put in front. */
  readonly starts: number[];
}

export interface Tokenizer {
  readonly vocabularySize: number;
  readonly bos: number | null;
  readonly decoder: TokenDecoder;
  /** What could not be done exactly as the files ask. */
  readonly warnings: readonly string[];
  /**
   * Ids of a text. `special`: names of special tokens in the text become those tokens; `addBos`: as SpanOptions. An end token is never added.
   * Throws `tokenizer-failed` where a pattern gives up on the text.
   */
  encode(text: string, options: { readonly special: boolean; readonly addBos: boolean }): number[];
  /** Ids of the joined spans: words and merges run across their borders, names of special tokens do not. */
  encodeSpans(spans: readonly TextSpan[], options: SpanOptions): number[];
  /** The same ids, and where in the joined spans each begins. */
  encodePlaced(spans: readonly TextSpan[], options: SpanOptions): PlacedIds;
  /** The text of one id for display. */
  piece(id: number): string;
  /** The token that a name stands for where special tokens are obeyed. */
  addedToken(content: string): AddedToken | null;
  /** Every added token that occurs in a text. */
  addedTokensIn(text: string): AddedToken[];
}

/**
 * Builds a tokenizer from what a model's files hold: byte-level and character BPE from tokenizer.json, byte-level BPE ('gpt2') and
 * SentencePiece ('llama') from GGUF. Throws `unsupported-feature` naming what is not implemented, `bad-file` naming a malformed field.
 */
export function loadTokenizer(source: TokenizerSource, special: SpecialIds): Tokenizer {
  try {
    const pipeline =
      source.kind === 'gguf'
        ? ggufPipeline(source, special)
        : huggingFacePipeline(source.tokenizer, source.config, special);
    return new PipelineTokenizer(pipeline, special, decoderOf(source, pipeline));
  } catch (thrown) {
    throw gaveUp(thrown, 'vocabulary');
  }
}

class PipelineTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly bos: number | null;
  readonly decoder: VocabularyText;
  readonly warnings: readonly string[];
  private readonly pipeline: Pipeline;
  /** Special tokens are always looked for in the text as it is, whatever `normalized` says, so that plain spans can exclude them. */
  private readonly early: AddedTokenFinder;
  private readonly late: AddedTokenFinder;
  private readonly byContent: ReadonlyMap<string, AddedToken>;
  /** What the first word becomes of a mark alone; empty where the files put nothing in front of a text. */
  private readonly markedHead: string;

  constructor(pipeline: Pipeline, special: SpecialIds, decoder: VocabularyText) {
    this.pipeline = pipeline;
    this.vocabularySize = decoder.vocabularySize;
    this.bos = special.bos;
    this.decoder = decoder;
    this.warnings = pipeline.warnings;
    const isEarly = (token: AddedToken): boolean => token.special || !token.normalized;
    this.early = new AddedTokenFinder(pipeline.added.filter(isEarly));
    this.late = new AddedTokenFinder(
      pipeline.added
        .filter((token) => !isEarly(token))
        .map((token) => ({ ...token, content: pipeline.normalize(token.content) })),
    );
    this.byContent = new Map(pipeline.added.map((token) => [token.content, token]));
    this.markedHead = firstWord(pipeline, 'x').startsWith('x') ? '' : firstWord(pipeline, mark);
  }

  encode(text: string, options: { readonly special: boolean; readonly addBos: boolean }): number[] {
    return this.encodeSpans([{ text, special: options.special }], options);
  }

  encodeSpans(spans: readonly TextSpan[], options: SpanOptions): number[] {
    return this.encodeSections(spans, options, () => undefined);
  }

  encodePlaced(spans: readonly TextSpan[], options: SpanOptions): PlacedIds {
    const starts: number[] = [];
    const ids = this.encodeSections(spans, options, ({ text, start, token }, added) => {
      if (token !== null) starts.push(start);
      else for (const each of startsIn(text, added, this.decoder)) starts.push(start + each);
    });
    if (starts.length < ids.length) starts.unshift(-1);
    return { ids, starts };
  }

  /** Calls `onSection` after each stretch of text with the ids it became. */
  private encodeSections(
    spans: readonly TextSpan[],
    options: SpanOptions,
    onSection: (section: Section, added: readonly number[]) => void,
  ): number[] {
    // UTF-8 has no lone surrogates.
    const text = spans
      .map((span) => span.text)
      .join('')
      .replace(/\p{Cs}/gu, '\ufffd');
    const isPlain = plainRanges(spans);
    const allowed: Allowed = (token, start, end) =>
      !(token.special || options.reserved?.has(token.id)) || !isPlain(start, end);
    const ids: number[] = [];
    try {
      for (const section of this.early.cut(text, allowed)) {
        const before = ids.length;
        if (section.token !== null) ids.push(section.token.id);
        else this.encodeSection(section, allowed, options.continues ?? false, ids);
        onSection(section, ids.slice(before));
      }
    } catch (thrown) {
      throw gaveUp(thrown, 'text');
    }
    const { beginning } = this.pipeline;
    if (options.addBos && beginning !== null && ids[0] !== beginning) ids.unshift(beginning);
    return ids;
  }

  piece(id: number): string {
    return this.decoder.piece(id);
  }

  addedToken(content: string): AddedToken | null {
    return this.byContent.get(content) ?? null;
  }

  addedTokensIn(text: string): AddedToken[] {
    return this.early.cut(text, () => true).flatMap((section) => section.token ?? []);
  }

  private encodeSection({ text, start }: Section, allowed: Allowed, continues: boolean, ids: number[]): void {
    // A mark takes what is put in front of the text, and is taken off with it.
    const head = continues ? this.markedHead : '';
    const normalized = this.pipeline.normalize(head === '' ? text : mark + text);
    // Places in the text are lost by now: a token is refused where any of the section refuses it.
    const inSection: Allowed = (token) => allowed(token, start, start + text.length);
    for (const part of this.late.cut(normalized, inSection)) {
      if (part.token !== null) {
        ids.push(part.token.id);
        continue;
      }
      const isMarked = head !== '' && part.start === 0;
      const words = this.pipeline.split(part.text, isMarked || (start === 0 && part.start === 0));
      if (isMarked) words[0] = words[0]?.slice(head.length) ?? '';
      for (const word of words) if (word !== '') this.pipeline.model.encode(word, ids);
    }
  }
}

/** A private-use character, which no vocabulary joins to others. */
const mark = '\ue000';

function firstWord(pipeline: Pipeline, text: string): string {
  return pipeline.split(pipeline.normalize(text), true)[0] ?? '';
}

/** Says whether a stretch touches a span whose special names are plain text. */
function plainRanges(spans: readonly TextSpan[]): (start: number, end: number) => boolean {
  const ranges: { from: number; to: number }[] = [];
  let offset = 0;
  for (const { text, special } of spans) {
    if (!special && text !== '') ranges.push({ from: offset, to: offset + text.length });
    offset += text.length;
  }
  return (start, end) => {
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ranges[middle] as { to: number }).to <= start) low = middle + 1;
      else high = middle;
    }
    const range = ranges[low];
    return range !== undefined && range.from < end;
  };
}

/** V8 throws RangeErrors where patterns, strings or nesting are too much for it. */
function gaveUp(thrown: unknown, on: string): unknown {
  if (!(thrown instanceof RangeError)) return thrown;
  return new LabError('tokenizer-failed', `The tokenizer gave up on this ${on}: ${thrown.message}`, {}, {
    cause: thrown,
  }); // prettier-ignore
}
