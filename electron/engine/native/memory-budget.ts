/** What a model read from a pack may take of memory, shared out: its sessions get what they will need, its weights the rest. */
import type { KvCodec } from '../../contract/open-model.ts';
import { LabError } from '../../contract/errors.ts';
import { toCodedError, type NativeEngine } from './addon.ts';
import { usualPartTokens } from './memory-estimate.ts';
import type { LoadProgress } from './model-description.ts';

export interface Total {
  /** Bytes; null: as many as the model takes. */
  readonly total: number | null;
  /** Nobody chose it: where the model needs more it is raised to that. */
  readonly isAuto: boolean;
}

export interface BudgetParts {
  /** Of the process and of weights that are no matrices: taken whatever is computed. */
  readonly fixedBytes: number;
  /** KV cache and buffers of a session with room for so many positions. */
  sessionBytes(context: number, kvCodec: KvCodec): number;
  /** Buffers of one more token that is computed at once with others. */
  readonly tokenBytes: number;
}

/** A session's part of the budget. */
export interface Room {
  readonly ready: Promise<void>;
  release(): void;
}

/** A prompt tells its progress, and keeps what was read of it when it is stopped, after each part. */
const mostPartTokens = 1024;
/** Read between two looks at whether the loading was cancelled. */
const loadedAtOnce = 64 * 1_048_576;

const mebibytes = (bytes: number) => `${Math.ceil((bytes / 1_048_576) * 10) / 10} MiB`;

/** A budget refused what was asked of it: with another one, or when others have given back, it may be there. */
export const isTooSmall = (error: unknown): boolean =>
  error instanceof LabError && error.code === 'bad-request' && 'minimumBytes' in error.detail;

export class MemoryBudget {
  readonly #native: NativeEngine;
  readonly #parts: BudgetParts;
  /** Null: all weights stay in memory. */
  #total: number | null;
  #isAuto: boolean;
  #sessionBytes = 0;
  /** Resolve when larger parts than usual have given their room back. */
  readonly #lent = new Set<Promise<void>>();

  constructor(native: NativeEngine, parts: BudgetParts, { total, isAuto }: Total) {
    this.#native = native;
    this.#parts = parts;
    this.#total = total;
    this.#isAuto = isAuto;
  }

  get total(): number | null {
    return this.#total;
  }

  get isAuto(): boolean {
    return this.#isAuto;
  }

  /** Reads what stays in memory. Throws bad-request with the detail `minimumBytes` where the model cannot run within the budget, and what reading throws. */
  async load({ signal, onProgress }: LoadProgress): Promise<void> {
    signal?.throwIfAborted();
    let left = await this.#spend(0);
    const all = left;
    while (left > 0) {
      left = await this.#spend(loadedAtOnce);
      onProgress?.(all - left, all);
      signal?.throwIfAborted();
    }
  }

  /** Makes room for a session, of which `ready` tells; it rejects as `load` does. What larger parts have is waited for. */
  reserve(context: number, kvCodec: KvCodec): Room {
    const release = this.#take(this.#parts.sessionBytes(context, kvCodec));
    return { ready: this.#orRelease(release, () => this.#spendWhenReturned()), release };
  }

  /**
   * How many of `count` tokens to compute at once: each part of them reads weights that are not in memory once. More than the usual take an eighth
   * of what the weights have at the most, and never what these need.
   */
  partTokens(count: number): number {
    // Each token of a reply asks, and the state of many experts is long.
    if (count <= usualPartTokens || this.#total === null) return usualPartTokens;
    const state = this.#native.flashState();
    if (state === null || this.heldBytes >= state.totalBytes) return usualPartTokens;
    const spare = Math.min(this.heldBytes / 8, this.heldBytes - state.minimumBytes);
    const more = Math.floor(Math.max(0, spare) / this.#parts.tokenBytes / usualPartTokens) * usualPartTokens;
    const asked = Math.ceil(count / usualPartTokens) * usualPartTokens;
    return Math.max(usualPartTokens, Math.min(usualPartTokens + more, asked, mostPartTokens));
  }

  /** Makes room for the buffers of larger parts, as for a session; where another took it meanwhile it rejects at once, also within an automatic budget. */
  reserveParts(partTokens: number): Room {
    const giveBack = this.#take((partTokens - usualPartTokens) * this.#parts.tokenBytes);
    let returned = () => {};
    const lent = new Promise<void>((resolve) => (returned = resolve));
    this.#lent.add(lent);
    const release = () => {
      this.#lent.delete(lent);
      giveBack();
      returned();
    };
    return { ready: this.#orRelease(release, () => this.#spend(0, false)), release };
  }

  /** Counts bytes as a session's, until what it returns is called. */
  #take(bytes: number): () => void {
    let held = bytes;
    this.#sessionBytes += bytes;
    return () => {
      this.#sessionBytes -= held;
      held = 0;
      // What the weights get again is read when something is computed. The engine may have been closed, or a session waits for more than this: it spends
      // what it needs itself, and an automatic budget is not raised for it here.
      if (this.#total !== null) this.#spend(0, false).catch(() => undefined);
    };
  }

  async #orRelease(release: () => void, spend: () => Promise<unknown>): Promise<void> {
    if (this.#total === null) return;
    try {
      await spend();
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Where it is too small while others borrow, tried again when one of them has given back. */
  async #spendWhenReturned(): Promise<void> {
    for (;;) {
      const [lent] = this.#lent;
      try {
        await this.#spend(0, this.#isAuto && !lent);
        return;
      } catch (error) {
        if (!lent || !isTooSmall(error)) throw error;
        await lent;
      }
    }
  }

  /** Another total, which holds for the open sessions too. Throws as `load`; then the one before holds. */
  async change({ total, isAuto }: Total): Promise<void> {
    const before = { total: this.#total, isAuto: this.#isAuto };
    this.#total = total;
    this.#isAuto = isAuto;
    try {
      await this.#spend(Number.MAX_SAFE_INTEGER);
    } catch (error) {
      this.#total = before.total;
      this.#isAuto = before.isAuto;
      // A session that came or went meanwhile was given room within the one that failed. What fails now is thrown where something is computed.
      await this.#spend(0).catch(() => undefined);
      throw error;
    }
  }

  /** Weights in memory and the buffers of those that are read. */
  get heldBytes(): number {
    const state = this.#native.flashState();
    if (state === null) return 0;
    const { pinnedBytes, ringBytes, lookupBytes, slots, slotBytes } = state;
    return pinnedBytes + ringBytes + lookupBytes + slots * slotBytes;
  }

  async #spend(most: number, mayRaise = this.#isAuto): Promise<number> {
    const besides = this.#parts.fixedBytes + this.#sessionBytes;
    const total = this.#total ?? besides + (this.#native.flashState()?.totalBytes ?? 0);
    try {
      return await this.#native.setWeightBudget(Math.max(0, Math.floor(total - besides)), most);
    } catch (error) {
      const known = this.#explained(toCodedError(error), total, besides);
      const minimum = known instanceof LabError ? known.detail['minimumBytes'] : undefined;
      if (!mayRaise || typeof minimum !== 'number' || minimum <= total) throw known;
      this.#total = minimum;
      return this.#spend(most, mayRaise);
    }
  }

  #explained(error: unknown, total: number, besides: number): unknown {
    const minimum = error instanceof LabError ? error.detail['minimumBytes'] : undefined;
    if (typeof minimum !== 'number') return error;
    const minimumBytes = Math.ceil(minimum + besides);
    const message =
      `A memory budget of ${mebibytes(total)} is too small: the weights need at least ${mebibytes(minimum)}, ` +
      `KV cache and buffers ${mebibytes(besides)}. Give it ${mebibytes(minimumBytes)} or more, or a smaller context.`;
    return new LabError('bad-request', message, { field: 'memoryBudget', minimumBytes }, { cause: error });
  }
}
