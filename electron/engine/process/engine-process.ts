/**
 * Entry of an engine process: serves the engine contract to the process that forked it, and ends with it. Its argument says what it is
 * for: `weights` may open a model; `text` never loads what computes, so that it starts fast and stays small.
 */
import { engineContract, type EngineContract } from '../../contract/engine-contract.ts';
import { LabError } from '../../contract/errors.ts';
import { serve, type Handlers } from '../../contract/rpc.ts';
import type { Computing } from '../handlers/compute.ts';
import { EngineState } from '../handlers/engine-state.ts';
import { textHandlers } from '../handlers/text.ts';
import { parentPort } from './parent-port.ts';
import { watchParent } from './parent-watch.ts';

const refuse = (): never => {
  throw new LabError('bad-request', 'This process is for text only: it opens no weights.');
};
const textOnly: Computing = {
  open: refuse,
  generate: refuse,
  conversation: refuse,
  forget: refuse,
  heldCache: refuse,
  readCacheMap: refuse,
  readCacheCell: refuse,
  saveCache: refuse,
  restoreCache: refuse,
  compareCodecs: refuse,
  logits: refuse,
  bench: refuse,
  perplexity: refuse,
  compare: refuse,
  weightErrors: refuse,
  weightHistogram: refuse,
  pack: refuse,
  quantize: refuse,
  verifyPack: refuse,
  memory: () => Promise.resolve(state.memory()),
  measureDisk: refuse,
  flashState: refuse,
  setMemoryBudget: refuse,
};

/** Loads onnxruntime only where it is needed. */
async function computing(state: EngineState): Promise<Computing> {
  if (process.argv[2] !== 'weights') return textOnly;
  const { computeHandlers } = await import('../handlers/compute.ts');
  return computeHandlers(state);
}

const watching = watchParent();
// Ctrl-C reaches the whole group: the parent decides what happens, and this process ends with the parent.
process.on('SIGINT', () => undefined);
const state = new EngineState();
const handlers: Handlers<EngineContract> = { ...textHandlers(state), ...(await computing(state)) };
await watching;
serve(parentPort(), engineContract, handlers);
