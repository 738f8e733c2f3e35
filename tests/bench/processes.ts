/** What Linux tells about processes; elsewhere nothing is known, and what needs it says so. */
import { readFileSync, writeFileSync } from 'node:fs';

/** Processor time is counted in hundredths of a second. */
const ticksPerSecond = 100;

function readProc(path: string): string | null {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return null;
  }
}

/** Processor seconds a process has used so far, all threads together. */
export function cpuSeconds(processId: number): number | null {
  // The name, in brackets, may hold spaces: fields are counted from behind it.
  const fields = readProc(`${processId}/stat`)?.split(') ')[1]?.split(' ');
  return fields ? (Number(fields[11]) + Number(fields[12])) / ticksPerSecond : null;
}

/** Processor seconds that everything on the machine has used so far, the hypervisor's other guests included. */
export function machineCpuSeconds(): number | null {
  const fields = readProc('stat')?.split('\n')[0]?.trim().split(/\s+/).slice(1).map(Number);
  if (!fields) return null;
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] = fields;
  return (user + nice + system + interrupts + softInterrupts + stolen) / ticksPerSecond;
}

export interface ProcessMemory {
  /** Bytes in memory now. */
  readonly resident: number;
  /** Most bytes in memory since the process began, or since `forgetPeak`. */
  readonly peak: number;
}

export function processMemory(processId: number): ProcessMemory | null {
  const status = readProc(`${processId}/status`);
  const kibibytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status ?? '')?.[1]);
  return status === null ? null : { resident: kibibytes('VmRSS') * 1024, peak: kibibytes('VmHWM') * 1024 };
}

/** Lets a process's peak begin again at what it has now. */
export function forgetPeak(processId: number): void {
  writeFileSync(`/proc/${processId}/clear_refs`, '5');
}
