/** An engine in its own process, as the benchmark calls it. */
import { fileURLToPath } from 'node:url';
import { CallClient } from './call-client.ts';
import type { EngineCalls } from './engine-process.ts';

export type EngineName = 'retort' | 'llama-cpp' | 'onnxruntime';

export class EngineClient extends CallClient<EngineCalls> {
  constructor(name: EngineName) {
    super(name, fileURLToPath(new URL('engine-process.ts', import.meta.url)), [name]);
  }
}
