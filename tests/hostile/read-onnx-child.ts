/**
 * Run as a process of its own by onnx.test.ts: reads each folder named, prints outcomes, time and peak memory. Opens a marker first, so that a
 * trace of the process shows where its own start-up ends.
 */
import { open } from 'node:fs/promises';
import { LabError } from '../../electron/contract/errors.ts';
import { readOnnxFolder } from '../../electron/formats/onnx/read-folder.ts';

const [marker = '', ...folders] = process.argv.slice(2);
await (await open(marker)).close();
const start = performance.now();
const outcomes: string[] = [];
for (const folder of folders) {
  const outcome = await readOnnxFolder(folder).then(
    () => 'read',
    (error: unknown) => (error instanceof LabError ? error.code : String(error)),
  );
  outcomes.push(outcome);
}
const milliseconds = performance.now() - start;
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(JSON.stringify({ outcomes, milliseconds, peakBytes }));
