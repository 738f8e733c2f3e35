/** Comparisons of tiny models, also by a host that dies at a chosen place. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { CompareResult } from '../../electron/contract/compare.ts';
import type { CompareCommand } from '../../electron/contract/host-contract.ts';
import { tinyModel } from './test-host.ts';

const compute = { engine: null, arithmetic: null, device: 'cpu', threads: 2, memoryBudget: null } as const;
const sentence = 'The ship lay at anchor in the harbour, and her crew went ashore. ';

export type Variant = CompareCommand['variants'][number];

export const variantOf = (label: string, path: string, more: Partial<Variant> = {}): Variant => ({
  ...{ model: { name: label, path }, label, compute, kvCodec: null },
  ...more,
});

/** In float32, in blocks of eight bits, and in blocks with a cache of eight bits too; `windows` of 32 ids, and all matrices. */
export function tinyComparison(windows: number, changes: Partial<CompareCommand> = {}): CompareCommand {
  const { path } = tinyModel('llama');
  const q8 = join(path, 'model-q8_0.gguf');
  return {
    variants: [variantOf('A', path), variantOf('B', q8), variantOf('C', q8, { kvCodec: 'q8' })],
    prompt: { kind: 'text', text: sentence, special: false },
    maxTokens: 6,
    quality: { text: sentence.repeat(windows), context: 32, tokens: 32 * windows },
    weightErrors: true,
    ...changes,
  };
}

/** All that is the same at every run. */
export function figuresOf({ columns, ...rest }: CompareResult) {
  return { ...rest, columns: columns.map(({ speed: _speed, ...column }) => column) };
}

const program = join(import.meta.dirname, 'compare-child.ts');

/**
 * A comparison, or the job of this id, in a process that kills itself at `place`: when the host is told of an event of this type, or "TYPE N" of its Nth column, or
 * "PHASE N" of its progress; "window N": when this window of the text is done but not kept, and all before it are. Whether it was killed, by that or otherwise.
 */
export async function comparedInChild(
  home: string,
  work: CompareCommand | string,
  { place = 'nowhere', environment = {} }: { place?: string; environment?: Readonly<Record<string, string>> },
): Promise<boolean> {
  const child = spawn(process.execPath, [program, home, JSON.stringify(work), place], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...environment },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`It ended by ${code}. ${stderr}`);
  return signal === 'SIGKILL';
}

/** As comparedInChild; throws where it ended before `place`. */
export async function killedAt(home: string, work: CompareCommand | string, place: string): Promise<void> {
  if (!(await comparedInChild(home, work, { place }))) throw new Error(`It ended before ${place}.`);
}
