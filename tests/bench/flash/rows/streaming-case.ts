/** What a row of streaming is about, and what its engines play with. */
import type { FedStreamed } from '../engines/retort-process.ts';
import type { Retort } from '../streamed.ts';
import type { FlashBench } from './row.ts';

/** Of every text, evaluated at once. */
export const promptTokens = 32;

export interface StreamingCase {
  readonly name: string;
  /** The GGUF file, written where it is missing. */
  readonly model: (bench: FlashBench) => Promise<string>;
  /** Of the pack's bytes. */
  readonly budgetShare: number;
  /** Ids of a text from a place on. */
  readonly text: (from: number, count: number) => Int32Array;
  /** Fed one by one before the first turn, so that what is in memory is what the text asks for. */
  readonly warmTokens: number;
  readonly turnTokens: number;
  /** llama.cpp takes seconds for some. */
  readonly peerTurnTokens: number;
  /** Least ratio of llama.cpp's time to Retort's; null where none is asked for. */
  readonly ratio: number | null;
  readonly hasExperts: boolean;
}

/** The text as one engine goes through it. */
export class Reader {
  #place = promptTokens;
  readonly #text: StreamingCase['text'];

  constructor(text: StreamingCase['text']) {
    this.#text = text;
  }

  next(count: number): Int32Array {
    this.#place += count;
    return this.#text(this.#place - count, count);
  }

  get place(): number {
    return this.#place;
  }
}

export interface Player {
  readonly client: Retort;
  readonly turns: FedStreamed[];
  readonly reader: Reader;
}

export interface Start {
  readonly prompt: Int32Array;
  readonly context: number;
}

export interface Table {
  readonly bench: FlashBench;
  readonly options: StreamingCase;
  readonly model: string;
  readonly pack: string;
  readonly budget: number;
  readonly start: Start;
}
