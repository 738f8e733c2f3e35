/** What is to be compared, as it is put together; kept while other screens are shown. */
import { createStore } from 'zustand/vanilla';
import { mostForcedTokens, mostVariants, type CompareRequest } from '../../../electron/contract/compare.ts';
import type { KvCodec } from '../../../electron/contract/open-model.ts';
import type { Compute, MemoryBudget } from '../../../electron/contract/machine.ts';

export interface DraftVariant {
  /** Null: none is chosen. */
  readonly model: string | null;
  readonly engine: Compute['engine'];
  readonly arithmetic: Compute['arithmetic'];
  readonly kvCodec: KvCodec | null;
  readonly memoryBudget: MemoryBudget | null;
}

export interface DraftText {
  readonly name: string;
  readonly text: string;
}

export interface Draft {
  readonly variants: readonly DraftVariant[];
  /** A message that is answered, or a text that is continued as it stands. */
  readonly promptKind: 'chat' | 'text';
  readonly prompt: string;
  readonly maxTokens: number;
  /** Null: quality is not measured. */
  readonly text: DraftText | null;
  readonly context: number;
  /** Null: all of the text. */
  readonly tokens: number | null;
  readonly weightErrors: boolean;
}

const retortsChoice: DraftVariant = {
  model: null,
  engine: null,
  arithmetic: null,
  kvCodec: null,
  memoryBudget: null,
};

const firstDraft: Draft = {
  variants: [retortsChoice, { ...retortsChoice, kvCodec: 'q8' }],
  promptKind: 'chat',
  prompt: 'Why does ice float on water?',
  maxTokens: 128,
  text: null,
  context: 512,
  tokens: null,
  weightErrors: true,
};

export const draftStore = createStore<Draft>(() => firstDraft);

export const resetDraft = (): void => draftStore.setState(firstDraft, true);

export function changeDraft(change: Partial<Draft>): void {
  draftStore.setState(change);
}

export function changeVariant(index: number, change: Partial<DraftVariant>): void {
  draftStore.setState(({ variants }) => ({
    variants: variants.map((variant, place) => (place === index ? { ...variant, ...change } : variant)),
  }));
}

/** Another like the last: what differs is changed then. */
export function addVariant(): void {
  draftStore.setState(({ variants }) =>
    variants.length < mostVariants ? { variants: [...variants, variants.at(-1) ?? retortsChoice] } : {},
  );
}

export function removeVariant(index: number): void {
  draftStore.setState(({ variants }) =>
    variants.length > 2 ? { variants: variants.filter((_, place) => place !== index) } : {},
  );
}

/** Variants for which nothing was chosen take this model. */
export function fillModels(model: string): void {
  const { variants } = draftStore.getState();
  if (variants.every((variant) => variant.model !== null)) return;
  draftStore.setState({
    variants: variants.map((variant) => ({ ...variant, model: variant.model ?? model })),
  });
}

export const limits = { maxTokens: mostForcedTokens, context: 1_000_000, tokens: 16_777_216 } as const;

/** What is missing before it can be priced; null: nothing. */
export function missingFrom({ variants, prompt }: Draft): string | null {
  const place = variants.findIndex(({ model }) => model === null);
  if (place >= 0) return `Choose a model for ${letterOf(place)}.`;
  const settings = variants.map((variant) => JSON.stringify(variant));
  const twin = settings.findIndex((text, index) => settings.indexOf(text) < index);
  if (twin >= 0) {
    return `${letterOf(twin)} is the same as ${letterOf(settings.indexOf(settings[twin] ?? ''))}: change a model or a setting of it.`;
  }
  return prompt.trim() === '' ? 'Write a prompt: every model answers it.' : null;
}

/** A, B, C, D. */
export const letterOf = (index: number): string => String.fromCharCode(65 + index);

/** Null while something is missing. */
export function requestOf(draft: Draft): CompareRequest | null {
  if (missingFrom(draft) !== null) return null;
  const { variants, promptKind, prompt, maxTokens, text, context, tokens, weightErrors } = draft;
  return {
    variants: variants.map(({ model, engine, arithmetic, kvCodec, memoryBudget }) => ({
      model: model ?? '',
      label: null,
      compute: { engine, arithmetic, device: 'cpu', threads: null, memoryBudget },
      kvCodec,
    })),
    prompt:
      promptKind === 'chat'
        ? { kind: 'chat', messages: [{ role: 'user', content: prompt }] }
        : { kind: 'text', text: prompt, special: false },
    maxTokens,
    quality: text && { text: text.text, context, tokens },
    weightErrors,
  };
}
