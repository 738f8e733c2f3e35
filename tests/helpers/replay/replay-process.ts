/**
 * An engine process whose models are replays: RETORT_REPLAY_FILE is said at RETORT_REPLAY_RATE tokens a second; when each token was due
 * is written to RETORT_REPLAY_STAMPS, a line each.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { engineContract } from '../../../electron/contract/engine-contract.ts';
import { serve } from '../../../electron/contract/rpc.ts';
import { computeHandlers } from '../../../electron/engine/handlers/compute.ts';
import { EngineState } from '../../../electron/engine/handlers/engine-state.ts';
import { textHandlers } from '../../../electron/engine/handlers/text.ts';
import { openModel } from '../../../electron/engine/open-engine.ts';
import { parentPort } from '../../../electron/engine/process/parent-port.ts';
import { watchParent } from '../../../electron/engine/process/parent-watch.ts';
import { loadTokenizer } from '../../../electron/engine/text/tokenizer.ts';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { replayEngine } from './replay-engine.ts';

const watching = watchParent();
process.on('SIGINT', () => undefined);
/** Room for a reply of 10,000 tokens. */
const replayContext = 16_384;
const stamps = process.env['RETORT_REPLAY_STAMPS'];
const writeStamp = (at: number) => stamps !== undefined && appendFileSync(stamps, `${at}\n`);
const state = new EngineState();
const computing = computeHandlers(state);

await watching;
serve(parentPort(), engineContract, {
  ...textHandlers(state),
  ...computing,
  async open(request, { signal }) {
    const { info } = await state.openModel(async () => {
      const opened = await openModel(request, { signal, onProgress: () => undefined });
      const { tokenizer, special } = await readModelSource(request.path);
      if (!tokenizer) throw new Error('A replay needs a tokenizer.');
      const text = readFileSync(process.env['RETORT_REPLAY_FILE'] ?? '', 'utf8');
      const ids = loadTokenizer(tokenizer, special).encode(text, { special: false, addBos: false });
      const tokensPerSecond = Number(process.env['RETORT_REPLAY_RATE']);
      const info = { ...opened.engine.info, contextLength: replayContext };
      const engine = replayEngine({ info, ids, tokensPerSecond, onToken: writeStamp });
      return { ...opened, engine, info: { ...opened.info, contextLength: replayContext } };
    });
    return info;
  },
});
