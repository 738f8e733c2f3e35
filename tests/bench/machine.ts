/** What the figures were measured on. */
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';

const instructionSets = [
  'avx2',
  'fma',
  'f16c',
  'avx_vnni',
  'avx512f',
  'avx512bw',
  'avx512_vnni',
  'amx_int8',
  'asimddp',
  'i8mm',
];

function linuxFlags(): string[] {
  try {
    const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    const known = new Set(flags.trim().split(' '));
    return instructionSets.filter((name) => known.has(name));
  } catch {
    return [];
  }
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly instructionSets: readonly string[];
  readonly system: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    instructionSets: linuxFlags(),
    system: `${type()} ${release()}`,
    node: process.version,
  };
}
