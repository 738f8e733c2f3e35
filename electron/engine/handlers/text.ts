/** Operations that read a model without computing: they never touch weights. */
import type { EngineContract } from '../../contract/engine-contract.ts';
import { LabError } from '../../contract/errors.ts';
import type { Handlers } from '../../contract/rpc.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { loadChat } from '../text/chat.ts';
import { encodeInfill } from '../text/infill.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import type { EngineState } from './engine-state.ts';
import { Estimator } from './estimate.ts';
import { inspect } from './inspect.ts';
import { progressSender } from './progress.ts';

type Reading = Pick<
  Handlers<EngineContract>,
  | 'inspect'
  | 'tensorStatistics'
  | 'estimate'
  | 'openText'
  | 'encode'
  | 'encodeInfill'
  | 'encodeChat'
  | 'decode'
>;

export function textHandlers(state: EngineState): Reading {
  const estimator = new Estimator();
  return {
    inspect: ({ path }) => inspect(path),

    async tensorStatistics(request, { signal, emit }) {
      // Here, so that a process for texts starts without it.
      const { tensorStatistics } = await import('../statistics/tensor-statistics.ts');
      const progress = progressSender((report) => emit({ type: 'progress', progress: report }));
      await tensorStatistics(request, { signal, onProgress: progress.report, tell: emit });
      await progress.finish();
      return null;
    },

    estimate: (request) => estimator.estimate(request),

    async openText({ path }) {
      const source = await readModelSource(path);
      const { tokenizer: tokenizerSource, special } = source;
      if (!tokenizerSource) {
        const message = `${source.name} has no tokenizer: it takes token ids only (--ids).`;
        throw new LabError('tokenizer-failed', message);
      }
      const tokenizer = loadTokenizer(tokenizerSource, special);
      const chat = loadChat({ ...source, tokenizer: tokenizerSource }, tokenizer);
      state.setText({ tokenizer, chat, special });
      const { vocabularySize } = tokenizer;
      return { ends: [...special.ends], hasTemplate: chat !== null, vocabularySize };
    },

    encode({ text, special, addBos }) {
      const { tokenizer } = state.text;
      const ids = tokenizer.encode(text, { special, addBos });
      return Promise.resolve({ ids, pieces: piecesOf(ids, state), warnings: [...tokenizer.warnings] });
    },

    encodeInfill(gap) {
      const { tokenizer, special } = state.text;
      const ids = encodeInfill(tokenizer, special, gap);
      return Promise.resolve({ ids, pieces: piecesOf(ids, state), warnings: [...tokenizer.warnings] });
    },

    decode: ({ ids }) => Promise.resolve({ text: state.text.tokenizer.decoder.decode(ids) }),

    encodeChat({ messages, addGenerationPrompt }) {
      const { tokenizer, chat } = state.text;
      if (!chat) throw new LabError('template-failed', 'The model has no chat template.');
      const encoded = chat.encode(messages, addGenerationPrompt);
      return Promise.resolve({
        ids: [...encoded.ids],
        pieces: piecesOf(encoded.ids, state),
        origins: [...encoded.origins],
        offsets: [...encoded.offsets],
        rendered: encoded.rendered,
        warnings: [...tokenizer.warnings, ...encoded.warnings],
        ends: [...chat.turnEnds().ids],
        stops: [...encoded.stops],
      });
    },
  };
}

function piecesOf(ids: readonly number[], { text }: EngineState): string[] {
  return ids.map((id) => text.tokenizer.piece(id));
}
