/** What the conversation of an open model holds: told, mapped, saved, restored, compared with other codecs. */
import { stat } from 'node:fs/promises';
import { type EngineContract } from '../../contract/engine-contract.ts';
import { type CacheMeasure } from '../../contract/held-cache.ts';
import { KvCodec } from '../../contract/open-model.ts';
import { LabError } from '../../contract/errors.ts';
import { encodeFloats } from '../../contract/floats.ts';
import type { Handlers } from '../../contract/rpc.ts';
import { compareCodecs } from '../../lab/compare-codecs.ts';
import type { CacheView } from '../engine.ts';
import type { EngineState } from './engine-state.ts';
import { progressSender } from './progress.ts';

export type Caching = Pick<
  Handlers<EngineContract>,
  'heldCache' | 'readCacheMap' | 'readCacheCell' | 'saveCache' | 'restoreCache' | 'compareCodecs'
>;

export function cacheHandlers(state: EngineState): Caching {
  const rowsOf = (measure: CacheMeasure, view: CacheView) =>
    state.openConversation().cacheRows(measure, view);
  return {
    heldCache() {
      const { engine, decoder } = state.model;
      const conversation = state.openConversation();
      return conversation.between(() => {
        const { ids, reusedTokens, context, kvBytes } = conversation;
        const pieces = ids.map((id) => decoder?.piece(id) ?? '');
        const codecs = KvCodec.options.map((codec) => ({
          codec,
          bytesPerToken: engine.cache?.bytesPerToken(codec) ?? null,
        }));
        const layers = [...(engine.cache?.layers ?? [])];
        return Promise.resolve({ ids, pieces, reusedTokens, context, kvBytes, layers, codecs });
      });
    },

    async readCacheMap({ measure, head }) {
      const rows = await rowsOf(measure, { head: head ?? 'mean' });
      const positions = rows[0]?.length ?? 0;
      const values = new Float32Array(rows.length * positions);
      rows.forEach((row, layer) => values.set(row, layer * positions));
      return { layers: rows.length, positions, values: encodeFloats(values) };
    },

    async readCacheCell({ measure, layer, position }) {
      const row = (await rowsOf(measure, { position }))[layer];
      if (!row) throw new LabError('bad-request', `There is no layer ${layer} with a cache.`);
      return Array.from(row, (value) => (Number.isFinite(value) ? value : null));
    },

    async saveCache({ path }) {
      const tokens = await state.openConversation().save(path);
      return { tokens, bytes: (await stat(path)).size };
    },

    async restoreCache({ path, context }) {
      const conversation = state.openConversation();
      await conversation.restore(path, context);
      return { tokens: conversation.ids.length, kvBytes: conversation.kvBytes };
    },

    async compareCodecs({ codecs }, { signal, emit }) {
      const progress = progressSender(emit);
      const { engine } = state.model;
      const conversation = state.openConversation();
      const compared = await conversation.between(() =>
        compareCodecs(engine, conversation.ids, codecs, { signal, onProgress: progress.report }),
      );
      await progress.finish();
      return compared;
    },
  };
}
