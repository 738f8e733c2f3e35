/** Model folders made for a test: written to a temporary folder, removed after it. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { goldenFolder } from './golden.ts';
import { LabError } from '../../electron/contract/errors.ts';

type Content = string | Uint8Array | object;

/** A folder with these files; objects are written as JSON. It lives until the running test ends. */
export function makeFolder(files: Readonly<Record<string, Content>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'retort-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFiles(folder, files);
  return folder;
}

export function writeFiles(folder: string, files: Readonly<Record<string, Content>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    const isRaw = typeof content === 'string' || content instanceof Uint8Array;
    writeFileSync(join(folder, name), isRaw ? content : JSON.stringify(content));
  }
}

/** A copy of tests/golden/tiny/<name> without its GGUF files and expected values. */
export function copyTinyModel(name: string, changes: Readonly<Record<string, Content>> = {}): string {
  const folder = makeFolder();
  const isPart = (path: string) => !/\.gguf$|expected\./.test(path);
  cpSync(join(goldenFolder, 'tiny', name), folder, { recursive: true, filter: isPart });
  writeFiles(folder, changes);
  return folder;
}

/** A .safetensors file with this header (an object, or the JSON's own bytes) and `dataBytes` zeros. */
export function safetensorsBytes(
  header: object | string | Uint8Array,
  dataBytes = 0,
  length?: bigint,
): Buffer {
  const json =
    header instanceof Uint8Array
      ? header
      : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([start, json, Buffer.alloc(dataBytes)]);
}

/** The coded error a promise rejects with; anything else fails the test. */
export async function labError(promise: Promise<unknown>): Promise<LabError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  throw new Error('expected a coded error, nothing was thrown');
}

export function thrownLabError(action: () => unknown): LabError {
  try {
    action();
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  throw new Error('expected a coded error, nothing was thrown');
}
