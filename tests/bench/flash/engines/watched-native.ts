/** Which reads the addon's engine in this process begins: noted without a part of Retort that would be there for the benchmark alone. */
import {
  nativeAddon,
  type NativeEngine,
  type NativePack,
  type NativeReads,
} from '../../../../electron/engine/native/addon.ts';

/** The addon's where nothing else is said. */
const defaultDepth = 8;

export class NativeWatch {
  #engine: NativeEngine | null = null;
  #depth = defaultDepth;

  /** Puts itself between Retort and the addon: packs opened from now on are watched, the latest one is asked. */
  constructor() {
    const addon = nativeAddon();
    const note = (engine: NativeEngine, { depth }: NativePack) => {
      this.#engine = engine;
      this.#depth = depth ?? defaultDepth;
    };
    addon.NativeEngine = class extends addon.NativeEngine {
      override openPack(pack: NativePack): void {
        super.openPack({ ...pack, recordReads: true });
        note(this, pack);
      }
    };
  }

  /** Reads that may be in flight. */
  get depth(): number {
    return this.#depth;
  }

  /** Those begun since they were taken last. */
  async takeReads(): Promise<NativeReads> {
    if (!this.#engine) throw new Error('no pack was opened');
    return this.#engine.takeReads();
  }
}
