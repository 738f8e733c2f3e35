/**
 * A process of its own for one device: `node exported-difference.ts CASE DEVICE` prints {"difference": number} between the computed and the golden
 * logits, or {"code": string} of the error. Vulkan reads its environment once per process.
 */
import { toLabError } from '../../electron/contract/errors.ts';
import type { OnnxDevice } from '../../electron/engine/onnx/runtime.ts';
import { openCase, readExportedCase, tokensOf } from './exported.ts';
import { maximumDifference } from './golden.ts';

const [name = '', device = ''] = process.argv.slice(2);
try {
  const golden = await readExportedCase(name);
  const engine = await openCase(golden.folder, device as OnnxDevice);
  const session = await engine.createSession({ context: golden.ids.length });
  const middle = golden.ids.length >> 1;
  await session.evaluate(tokensOf(engine, golden, 0, middle));
  const { logits } = await session.evaluate(tokensOf(engine, golden, middle, golden.ids.length));
  const expected = golden.logits.subarray(middle * engine.info.vocabularySize);
  console.log(
    JSON.stringify({ difference: maximumDifference(logits, expected), device: engine.info.device }),
  );
} catch (error) {
  console.log(JSON.stringify({ code: toLabError(error).code, message: toLabError(error).message }));
}
