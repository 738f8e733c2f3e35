/** Models that are open together, the first of them the reference: they read its reply, then a text. */
import type { CompareForced, CompareQuality } from '../../contract/compare-figures.ts';
import type { Engine } from '../../engine/engine.ts';
import type { TokenDecoder } from '../../engine/text/decoder.ts';
import { checkLockStep } from '../lock-step.ts';
import { readReply, type ForcedReply } from './forced.ts';
import { measureQuality, type QualityHooks, type QualityText } from './quality.ts';

export interface CompareWork {
  /** What errors call the models. */
  readonly names: readonly string[];
  readonly reply: ForcedReply | null;
  readonly quality: QualityText | null;
}

export interface CompareHooks extends QualityHooks {
  onForced(forced: CompareForced): Promise<void>;
}

/** Both are checked before either begins. Throws as checkLockStep, readReply and measureQuality. */
export async function compare(
  engines: readonly Engine[],
  decoder: TokenDecoder | null,
  { names, reply, quality }: CompareWork,
  hooks: CompareHooks,
): Promise<{ forced: CompareForced | null; quality: CompareQuality | null }> {
  checkLockStep(
    engines,
    Math.max(reply ? reply.promptIds.length + reply.ids.length : 0, quality?.context ?? 0),
    names,
  );
  const forced = reply && (await readReply(engines, decoder, reply, hooks));
  if (forced) await hooks.onForced(forced);
  return { forced, quality: quality && (await measureQuality(engines, quality, hooks)) };
}
