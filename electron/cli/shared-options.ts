/** Options that several commands have, and how they become contract values. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ChatMessages, type ChatMessage } from '../contract/tokens.ts';
import { LabError, toLabError } from '../contract/errors.ts';
import type { ModelReference } from '../contract/host-contract.ts';
import type { Compute } from '../contract/machine.ts';
import { badArgument, type Arguments, type Options } from './arguments.ts';

export const jsonOption: Options = {
  json: { help: 'print one JSON object' },
  help: { help: 'show this help' },
};

export const computeOptions: Options = {
  engine: { value: 'E', help: 'native or onnx (default: native, but onnx for exported graphs and GPUs)' },
  arithmetic: {
    value: 'A',
    help: 'fast: 8-bit activations; reference: float32 (default: fast on native, reference on onnx)',
  },
  device: { value: 'D', help: 'cpu (default) or webgpu' },
  threads: { value: 'T', help: 'threads (default: all processors)' },
  'memory-budget': {
    value: 'BYTES',
    help: 'memory for weights, KV cache and buffers, e.g. 512MiB, or auto: a pack reads the rest from the disk as it goes',
  },
};

export function computeFrom(given: Arguments): Compute {
  return {
    engine: given.oneOf('engine', ['onnx', 'native']),
    arithmetic: given.oneOf('arithmetic', ['reference', 'fast']),
    device: given.oneOf('device', ['cpu', 'webgpu']) ?? 'cpu',
    threads: given.integer('threads', 1) ?? null,
    memoryBudget: given.memoryBudget('memory-budget'),
  };
}

/** A library name, or a path from the working folder. */
export function modelFrom(name: string): ModelReference {
  if (name === '') throw badArgument('MODEL is empty.');
  return { name, path: resolve(name) };
}

/** A text file of the person's, whole. */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const known = toLabError(error);
    const message = known.code === 'not-found' ? `${path} does not exist.` : `${path}: ${known.message}`;
    throw new LabError(known.code, message, { file: path }, { cause: error });
  }
}

/** A conversation as [{"role": "user", "content": "…"}, …]. */
export async function readMessages(path: string): Promise<ChatMessage[]> {
  const text = await readTextFile(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LabError('bad-request', `${path} is not JSON: ${String(error)}`, { file: path });
  }
  const parsed = ChatMessages.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const message = `${path}: a list of {"role", "content"} is expected (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}).`;
  throw new LabError('bad-request', message, { file: path });
}
