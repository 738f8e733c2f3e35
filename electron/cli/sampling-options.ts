import { SamplingChoice } from '../contract/sampling.ts';
import { badArgument, type Arguments, type Options } from './arguments.ts';

export const samplingOptions: Options = {
  greedy: { help: 'always the likeliest token (temperature 0)' },
  temperature: { value: 'T', help: '0 is greedy (default: the model’s, else 0.8)' },
  'top-k': { value: 'K', help: 'draw from the K likeliest; 0: all (default 40)' },
  'top-p': { value: 'P', help: 'smallest set with probability P (default 0.95)' },
  'min-p': { value: 'P', help: 'at least P times the likeliest’s (default 0)' },
  'repetition-penalty': { value: 'R', help: 'divide logits of seen ids (default 1: none)' },
  'presence-penalty': { value: 'R', help: 'subtract once from seen ids (default 0)' },
  'frequency-penalty': { value: 'R', help: 'subtract per occurrence (default 0)' },
  'penalty-window': { value: 'N', help: 'ids the penalties look back on; 0: all (default 64)' },
  'logit-bias': { value: 'ID=B', multiple: true, help: 'add B to the logit of ID; may be given again' },
  'top-logprobs': { value: 'N', help: 'with --trace: report the N likeliest of each step' },
  seed: { value: 'S', help: 'the same seed draws the same tokens (default: drawn)' },
};

const ranges: Record<string, string> = {
  temperature: 'from 0 to 100',
  topK: 'a whole number from 0 up',
  topP: 'above 0 and at most 1',
  minP: 'from 0 to 1',
  repetitionPenalty: 'above 0 and at most 100',
  presencePenalty: 'from -100 to 100',
  frequencyPenalty: 'from -100 to 100',
  topLogProbabilities: 'from 0 to 100',
};

/** What was asked for; limits are the contract's. */
export function samplingFrom(given: Arguments): SamplingChoice {
  if (given.has('greedy') && given.has('temperature')) {
    throw badArgument('--greedy is temperature 0: give one of --greedy and --temperature.');
  }
  const asked = {
    temperature: given.has('greedy') ? 0 : given.number('temperature'),
    topK: given.integer('top-k'),
    topP: given.number('top-p'),
    minP: given.number('min-p'),
    repetitionPenalty: given.number('repetition-penalty'),
    presencePenalty: given.number('presence-penalty'),
    frequencyPenalty: given.number('frequency-penalty'),
    penaltyWindow: given.integer('penalty-window'),
    topLogProbabilities: given.integer('top-logprobs'),
    seed: given.integer('seed'),
    logitBias: given.has('logit-bias') ? given.texts('logit-bias').map(readBias) : undefined,
  };
  const parsed = SamplingChoice.safeParse(asked);
  if (parsed.success) return parsed.data;
  const field = String(parsed.error.issues[0]?.path[0]);
  const option = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const name = field === 'topLogProbabilities' ? 'top-logprobs' : option;
  throw badArgument(`--${name} must be ${ranges[field] ?? 'in its range'}.`);
}

function readBias(text: string): { id: number; bias: number } {
  const match = /^(\d{1,10})=(-?\d+(?:\.\d+)?)$/.exec(text);
  if (!match) throw badArgument(`--logit-bias takes ID=BIAS, not ${JSON.stringify(text)}.`);
  return { id: Number(match[1]), bias: Number(match[2]) };
}
