/** The rows of "What if": predicted from sizes, and measured where it was. Pure. */
import type { CodecComparison } from '../../../electron/contract/held-cache.ts';
import type { KvCodec } from '../../../electron/contract/open-model.ts';
import type { HeldConversation } from '../../../electron/contract/kv-cache.ts';

export interface CodecRow {
  readonly codec: KvCodec;
  readonly isInUse: boolean;
  /** Nulls: not known, or not measured. */
  readonly bytes: number | null;
  readonly bytesAtContext: number | null;
  /** Of f16, 0 to 1 and beyond. */
  readonly share: number | null;
  readonly kl: number | null;
  readonly topOne: number | null;
  readonly tokensPerSecond: number | null;
}

/** f16 and q8, and what is in use where that is another. */
export function codecRows(
  held: Pick<HeldConversation, 'codecs' | 'kvBytes' | 'context'>,
  inUse: KvCodec,
  comparison: CodecComparison | null,
): CodecRow[] {
  const perToken = (codec: KvCodec) =>
    held.codecs.find((each) => each.codec === codec)?.bytesPerToken ?? null;
  const half = perToken('f16');
  const own = perToken(inUse);
  const codecs = (['f32', 'f16', 'q8'] as const).filter((codec) => codec !== 'f32' || inUse === 'f32');
  return codecs.map((codec) => {
    const each = perToken(codec);
    const measured = comparison?.codecs.find((result) => result.codec === codec);
    return {
      codec,
      isInUse: codec === inUse,
      // As what is held now, in whole blocks.
      bytes: measured?.kvBytes ?? (each === null || own === null ? null : (held.kvBytes * each) / own),
      bytesAtContext: each === null ? null : each * held.context,
      share: each === null || half === null ? null : each / half,
      kl: measured?.kl.mean ?? null,
      topOne: measured?.topOneAgreement ?? null,
      tokensPerSecond: measured?.tokensPerSecond.median ?? null,
    };
  });
}
