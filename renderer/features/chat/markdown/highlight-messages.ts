/** What the page and the worker that colours listings say to each other. */
import type { Language } from './languages.ts';

export interface CodePiece {
  readonly text: string;
  /** A role of the page's style, as a CSS value; null: the text's own colour. */
  readonly colour: string | null;
}

export interface CodeLine {
  readonly text: string;
  readonly pieces: readonly CodePiece[];
}

export type HighlightRequest =
  | { readonly kind: 'colour'; readonly listing: number; readonly language: Language; readonly code: string }
  | { readonly kind: 'forget'; readonly listing: number };

export type HighlightAnswer =
  | {
      readonly kind: 'lines';
      readonly listing: number;
      /** The number of the first of `lines`; those before it stay as they were. */
      readonly from: number;
      readonly lines: readonly CodeLine[];
      /** The request is done: no more lines follow. */
      readonly isLast: boolean;
    }
  /** A grammar could not be loaded, or it failed: a worker of its own may do better. */
  | { readonly kind: 'failed' };
