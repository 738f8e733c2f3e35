/** Packs made by the real packer. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { PackContents, PackMatrix } from '../../electron/contract/pack.ts';
import { packModel, type PackOutcome } from '../../electron/engine/pack/pack-model.ts';
import type { QuantizeRequest } from '../../electron/engine/quantize/quantize-model.ts';
import { engineExecArgv } from '../../electron/host/engines/engine-starter.ts';

export const quiet = { signal: new AbortController().signal, onProgress: () => undefined };

export function packInto(folder: string, path: string, name = 'model.retortpack'): Promise<PackOutcome> {
  return packModel({ path, out: join(folder, name), threads: 2 }, quiet);
}

/** All groups of a matrix, its tiles one after another. */
export function matrixBytes(
  whole: Buffer,
  { records }: PackContents,
  matrix: PackMatrix,
  groupBytes: number,
): Buffer {
  return Buffer.concat(
    matrix.tiles.map(({ record, offset, groups }) => {
      const start = records.offsets[record]! + offset;
      return whole.subarray(start, start + groups * groupBytes);
    }),
  );
}

export interface ChildResult {
  readonly packed?: PackOutcome;
  readonly error?: { readonly code: string; readonly message: string };
  readonly reports: number;
  readonly grownBytes: number;
}

const helper = (name: string) => join(import.meta.dirname, name);

/** Packs in a process of its own, begun by `before` (a command that runs its arguments). Null: it was killed. */
export function packInChild(
  args: readonly [model: string, out: string, durableBytes: number, killAt: number],
  before: readonly string[] = [],
): Promise<ChildResult | null> {
  // As the app starts it: V8 keeps less garbage then.
  const node = [process.execPath, ...engineExecArgv('weights')];
  return resultOf([...before, ...node, helper('pack-child.ts'), ...args.map(String)]);
}

export interface QuantizedInChild {
  readonly variants?: readonly { readonly out: string; readonly resumedBytes: number }[];
  readonly error?: { readonly code: string; readonly message: string };
}

/** Quantizes in a process of its own. Null: it was killed. */
export function quantizeInChild(
  request: QuantizeRequest,
  durableBytes: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<QuantizedInChild | null> {
  const args = [JSON.stringify(request), String(durableBytes)];
  return resultOf([process.execPath, helper('quantize-child.ts'), ...args], environment);
}

/** What a program printed as JSON; null: it was killed. */
function resultOf<T>(
  [command = '', ...args]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<T | null> {
  const options = { timeout: 60_000, env: { ...process.env, ...environment } };
  return new Promise((resolve, reject) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error?.signal === 'SIGKILL' && !error.killed) resolve(null);
      else if (error) reject(new Error(`${error.message}\n${stderr}`));
      else resolve(JSON.parse(stdout) as T);
    });
  });
}
