/** A host in memory whose model holds a conversation of any size, for pages that show its cache. */
import { encodeFloats } from '../../electron/contract/floats.ts';
import type { HeldConversation, SavedCache } from '../../electron/contract/kv-cache.ts';
import type { PageContract } from '../../electron/contract/page-contract.ts';
import type { Handlers } from '../../electron/contract/rpc.ts';
import { ChatHost } from './chat-host.ts';
import { seededRandom } from './seeded-random.ts';

export class CacheHost extends ChatHost {
  readonly #layers: number;
  readonly #positions: number;
  /** In place of what it answers by itself. */
  answers: Partial<Handlers<PageContract>> = {};
  saved: SavedCache[] = [];

  constructor(layers: number, positions: number) {
    super();
    this.#layers = layers;
    this.#positions = positions;
  }

  override handlers(): Handlers<PageContract> {
    return {
      ...super.handlers(),
      readHeldCache: () => Promise.resolve(this.held()),
      readCacheMap: () => Promise.resolve(this.#map()),
      readCacheCell: () => Promise.resolve([0.1, 0.2, 0.3]),
      listSavedCaches: () => Promise.resolve(this.saved),
      ...this.answers,
    };
  }

  held(): HeldConversation {
    const [layers, positions] = [this.#layers, this.#positions];
    const turns = 8;
    const perTurn = positions / turns;
    return {
      chat: { id: 'long', title: 'A long talk' },
      parts: Array.from({ length: turns }, (_, turn) => ({
        origin: turn % 2 === 0 ? ('user' as const) : ('assistant' as const),
        messageId: `m-${turn}`,
        label: `message ${turn}`,
        tokens: perTurn,
        reusedTokens: perTurn,
      })),
      spans: Array.from({ length: turns }, (_, part) => ({
        part,
        from: part * perTurn,
        to: (part + 1) * perTurn,
      })),
      positions,
      reusedTokens: positions,
      context: positions,
      kvBytes: positions * 23_400,
      layers: Array.from({ length: layers }, (_, layer) => ({
        ...{ layer, heads: 9, keyValueHeads: 3, headDimension: 64, window: null },
        codec: 'f16' as const,
        bytesPerToken: 780,
      })),
      codecs: [
        { codec: 'f16', bytesPerToken: 23_400 },
        { codec: 'q8', bytesPerToken: 12_600 },
      ],
      pieces: Array.from({ length: positions }, (_, position) => ` word${position}`),
      next: null,
    };
  }

  #map() {
    const random = seededRandom(7);
    const values = Float32Array.from({ length: this.#layers * this.#positions }, () => random() ** 8);
    return { layers: this.#layers, positions: this.#positions, values: encodeFloats(values) };
  }
}
