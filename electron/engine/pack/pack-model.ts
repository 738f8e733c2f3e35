/** Makes a pack of a model: its matrices as the native engine lays them out, so that nothing is repacked when it is opened. */
import { statfs } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Progress } from '../../contract/progress.ts';
import { LabError } from '../../contract/errors.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import { modelIdentity } from '../../formats/identity.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { encodeHeader } from '../../formats/pack/header.ts';
import { readPack } from '../../formats/pack/read-pack.ts';
import { packVersion, pageBytes } from '../../formats/pack/schema.ts';
import { resolveModel } from '../../../models/families/index.ts';
import type { ResolvedModel } from '../../../models/families/model-spec.ts';
import { matrixSource } from '../native/matrix-source.ts';
import { MatrixPacker } from '../native/packer.ts';
import { packOf } from './check-weights.ts';
import type { PackIdentity } from './journal.ts';
import { planPack, recordsOf, type MatrixBytes, type PackUnit } from './plan.ts';
import { checkDescription, headerOf } from './pack-header.ts';
import { checkTarget, keptIn, partialBytes } from './pack-target.ts';
import { PartialPack } from './partial-pack.ts';
import { UnitPacker, type MatrixOf } from './unit-packer.ts';

const mebibyte = 1_048_576;

export interface PackRequest {
  readonly path: string;
  /** Absolute; nothing has this name yet. */
  readonly out: string;
  readonly threads: number;
}

/** What is packed in place of some of the model's own matrices. */
export interface PackVariant {
  readonly recipe: string;
  readonly bytesOf: MatrixBytes;
  readonly matrixOf: MatrixOf;
}

export interface PackHooks {
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
}

export interface PackOutcome {
  readonly out: string;
  /** Of the pack. */
  readonly identity: string;
  readonly bytes: number;
  readonly records: number;
  /** Of records that an earlier run had written. */
  readonly resumedBytes: number;
}

/**
 * Throws what reading the model throws, bad-request for a target that cannot be, disk-full with `missingBytes` where the room does not suffice, disk-full and
 * cancelled with the unfinished file kept: the same call goes on with it. `durableBytes`: how much a crash may cost.
 */
export async function packModel(
  request: PackRequest,
  hooks: PackHooks,
  { durableBytes = 64 * mebibyte, variant }: { durableBytes?: number; variant?: PackVariant } = {},
): Promise<PackOutcome> {
  await checkTarget(request.out);
  const source = await readModelSource(request.path);
  const model = resolveModel(source);
  if (source.pack)
    throw new LabError('bad-request', `${source.name} is a pack already.`, { file: basename(request.path) });
  const plan = planPack(model, variant?.bytesOf);
  checkDescription(source, model, plan);
  await checkSpace(source, plan, request.out);
  const packing = new Packing({ source, model, plan, request, hooks, variant });
  return packing.run(durableBytes);
}

/** The rest of the header: numbers of a record and of what lies in it, as JSON. */
const headerBytesPerRecord = 400;

/** Bytes of the whole pack, from headers: no less than it will take, but for what JSON makes of odd texts. */
export function predictedBytes({ files }: ModelSource, plan: readonly PackUnit[]): number {
  const headers = files.reduce((sum, { headerBytes }) => sum + headerBytes, 0);
  const records = plan.reduce((sum, unit) => sum + recordsOf(unit), 0);
  const units = plan.reduce((sum, { bytes }) => sum + bytes, 0);
  return units + records * (pageBytes + headerBytesPerRecord) + 2 * headers + 2 * pageBytes;
}

async function checkSpace(source: ModelSource, plan: readonly PackUnit[], out: string): Promise<void> {
  const kept = await partialBytes(out);
  const unfinished = kept > 0 ? ` ${keptIn(out)}.` : '';
  await requireSpace(out, predictedBytes(source, plan) - kept, unfinished);
}

/** Throws disk-full with `missingBytes` where the folder of `out` has less free. */
export async function requireSpace(out: string, needed: number, unfinished = ''): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(out));
  const free = bavail * bsize;
  if (needed <= free) return;
  const text = (bytes: number) => bytes.toLocaleString('en');
  const missingBytes = Math.ceil(needed - free);
  const message = `${basename(out)} needs ${text(needed)} bytes, ${text(free)} are free in ${dirname(out)}: ${text(missingBytes)} are missing.`;
  throw new LabError('disk-full', message + unfinished, { file: basename(out), missingBytes });
}

interface Task {
  readonly source: ModelSource;
  readonly model: ResolvedModel;
  readonly plan: readonly PackUnit[];
  readonly request: PackRequest;
  readonly hooks: PackHooks;
  readonly variant: PackVariant | undefined;
}

class Packing {
  readonly #task: Task;
  readonly #total: number;
  #done = 0;

  constructor(task: Task) {
    this.#task = task;
    this.#total = task.plan.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async run(durableBytes: number): Promise<PackOutcome> {
    const { source, request, hooks, variant } = this.#task;
    const { signal } = hooks;
    const packer = new MatrixPacker(request.threads);
    try {
      const identity: PackIdentity = {
        format: packVersion,
        version: packer.version,
        source: await modelIdentity(source),
        name: source.name,
        ...(variant && { recipe: variant.recipe }),
      };
      const onChecked = (bytes: number) => this.#advance('check what is packed', bytes);
      const partial = await PartialPack.open(request.out, identity, { durableBytes, signal, onChecked });
      try {
        return await this.#finish(partial, packer, identity);
      } catch (error) {
        throw await partial.giveUp(error);
      } finally {
        await partial.close();
      }
    } finally {
      packer.close();
    }
  }

  async #finish(partial: PartialPack, packer: MatrixPacker, identity: PackIdentity): Promise<PackOutcome> {
    const { source, request } = this.#task;
    const resumedBytes = partial.recordBytes;
    await this.#packUnits(partial, packer);
    const records = partial.units.flatMap((unit) => unit.records);
    const written = await partial.complete(encodeHeader(headerOf(source, identity, partial.units)));
    const pack = await readBack(written);
    const outcome = {
      out: request.out,
      identity: await modelIdentity(pack),
      bytes: pack.files[0]!.bytes,
      records: records.length,
      resumedBytes,
    };
    // The last thing before it gets its name.
    if (!(await isStill(source, identity.source))) {
      await partial.discard();
      throw new LabError('bad-file', `${source.name} changed while it was packed: pack it again.`);
    }
    await partial.publish();
    return outcome;
  }

  async #packUnits(partial: PartialPack, packer: MatrixPacker): Promise<void> {
    const { source, model, plan, hooks, variant } = this.#task;
    const matrixOf: MatrixOf = variant?.matrixOf ?? ((from, _, ref) => matrixSource(from, ref));
    const units = new UnitPacker({ source, model, matrixOf }, packer, partial);
    const first = partial.units.length;
    this.#done = plan.slice(0, first).reduce((sum, { bytes }) => sum + bytes, 0);
    this.#advance('pack', 0);
    for (const [index, unit] of plan.entries()) {
      if (index < first) continue;
      const before = this.#done;
      const onWritten = (bytes: number) => {
        hooks.signal.throwIfAborted();
        this.#advance('pack', Math.min(bytes, before + unit.bytes - this.#done));
      };
      hooks.signal.throwIfAborted();
      await partial.add(await units.pack(index, unit, onWritten));
      this.#done = before + unit.bytes;
    }
  }

  #advance(phase: string, bytes: number): void {
    this.#done += bytes;
    this.#task.hooks.onProgress({ phase, done: Math.min(this.#done, this.#total), total: this.#total });
  }
}

/** Whether a model is what it was. Throws what opening its files throws. */
export async function isStill(source: ModelSource, identity: string): Promise<boolean> {
  const now = await modelIdentity(source).catch((error: unknown) => {
    // Its files have another size.
    if (error instanceof LabError && error.code === 'bad-file') return null;
    throw error;
  });
  return now === identity;
}

/** As a reader will see it: with every weight that its model needs. */
async function readBack(path: string): Promise<ModelSource> {
  const pack = await readPack(path);
  packOf(pack, resolveModel(pack));
  return pack;
}
