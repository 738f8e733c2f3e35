/** Run as a process of its own by gguf-memory.test.ts: reads one GGUF file and prints what that took. */
import { existsSync, readFileSync } from 'node:fs';
import { LabError } from '../../electron/contract/errors.ts';
import { readGguf } from '../../electron/formats/gguf/read-gguf.ts';

const start = performance.now();
const outcome = await readGguf(process.argv[2]!).then(
  () => 'read',
  (error: unknown) => (error instanceof LabError ? error.code : String(error)),
);
process.stdout.write(
  JSON.stringify({ outcome, milliseconds: performance.now() - start, peakBytes: peakBytes() }),
);

/** On Linux maxRSS begins with the peak of the parent, whose memory a child shares until it executes; VmHWM does not. */
function peakBytes(): number {
  const status = '/proc/self/status';
  if (!existsSync(status)) return process.resourceUsage().maxRSS * 1024;
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync(status, 'utf8'))![1]) * 1024;
}
