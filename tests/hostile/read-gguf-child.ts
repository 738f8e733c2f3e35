/** Run as a process of its own by gguf-memory.test.ts: reads one GGUF file and prints what that took. */
import { LabError } from '../../electron/contract/errors.ts';
import { readGguf } from '../../electron/formats/gguf/read-gguf.ts';

const start = performance.now();
const outcome = await readGguf(process.argv[2]!).then(
  () => 'read',
  (error: unknown) => (error instanceof LabError ? error.code : String(error)),
);
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(JSON.stringify({ outcome, milliseconds: performance.now() - start, peakBytes }));
