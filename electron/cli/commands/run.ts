import { errorTable } from '../../contract/errors.ts';
import type { Prompt, RunEvent, RunResult } from '../../contract/host-contract.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { StreamCall } from '../../contract/rpc.ts';
import { badArgument, readIds, type Arguments } from '../arguments.ts';
import type { Command, Context } from '../command.ts';
import type { Output } from '../output.ts';
import { samplingFrom, samplingOptions } from '../sampling-options.ts';
import { computeFrom, computeOptions, jsonOption, modelFrom, readMessages } from '../shared-options.ts';
import { TraceFile } from '../trace-file.ts';

const defaultMaxTokens = 512;

export const run: Command = {
  name: 'run',
  summary: 'Answer a prompt with a model; the text streams to stdout.',
  usage: [
    'run MODEL --prompt TEXT [--system TEXT]   through the chat template',
    'run MODEL --prompt TEXT --raw             plain continuation, no template',
    'run MODEL --chat messages.json            a whole conversation',
    'run MODEL --prefix TEXT --suffix TEXT     fill the gap between two texts',
    'run MODEL --ids 1,2,3                     token ids as they are',
    'run --repeat RUN                          the same run again: the same ids',
  ],
  options: {
    prompt: { value: 'TEXT', help: 'what to say' },
    system: { value: 'TEXT', help: 'system message before the prompt' },
    raw: { help: 'continue the prompt as it stands' },
    special: { help: 'with --raw: obey names of special tokens in the prompt' },
    chat: { value: 'FILE', help: 'messages as [{"role", "content"}, …]' },
    prefix: { value: 'TEXT', help: 'what stands before the gap to fill' },
    suffix: { value: 'TEXT', help: 'what stands after it; either may be left out' },
    ids: { value: '1,2,3', help: 'prompt as token ids' },
    'max-tokens': { value: 'N', help: `stop after N tokens (default ${defaultMaxTokens})` },
    ...samplingOptions,
    stop: { value: 'TEXT', multiple: true, help: 'end the reply before this text; may be given again' },
    'ignore-end': { help: 'go on after end tokens' },
    trace: { value: 'FILE.jsonl', help: 'write a record of every step' },
    repeat: { value: 'RUN', help: 'repeat a recorded run' },
    ...computeOptions,
    ...jsonOption,
  },

  async run(given, { client, signal, output }) {
    const start = await startOf(given);
    const tracePath = given.text('trace');
    const trace = tracePath === undefined ? null : await TraceFile.create(tracePath);
    try {
      const call = start(client, { signal, trace: trace !== null });
      const result = await follow(call, output, trace);
      report(result, output);
      return result.finishReason === 'cancelled' ? errorTable.cancelled.exit : 0;
    } finally {
      await trace?.close();
    }
  },
};

type Start = (
  client: Context['client'],
  options: { readonly signal: AbortSignal; readonly trace: boolean },
) => StreamCall<RunEvent, RunResult>;

const repeatTakes = ['repeat', 'trace', 'json'];

async function startOf(given: Arguments): Promise<Start> {
  const repeat = given.text('repeat');
  if (repeat !== undefined) {
    given.exactly();
    const stray = Object.keys(run.options).find((name) => given.has(name) && !repeatTakes.includes(name));
    if (stray !== undefined)
      throw badArgument(`--repeat takes everything from the run: leave out --${stray}.`);
    return (client, { signal, trace }) => client.repeatRun({ id: repeat, trace }, { signal });
  }
  const [model] = given.exactly('MODEL');
  const input = {
    model: modelFrom(model),
    prompt: await promptFrom(given),
    compute: computeFrom(given),
    sampling: samplingFrom(given),
    maxTokens: given.integer('max-tokens', 1) ?? defaultMaxTokens,
    stops: given.texts('stop'),
    ignoreEnds: given.has('ignore-end'),
  };
  return (client, { signal, trace }) => client.run({ ...input, trace }, { signal });
}

async function promptFrom(given: Arguments): Promise<Prompt> {
  const isGap = given.has('prefix') || given.has('suffix');
  const sources = ['prompt', 'chat', 'ids'].filter((name) => given.has(name));
  if (sources.length + (isGap ? 1 : 0) !== 1) {
    throw badArgument('Give one of --prompt, --chat, --ids, and --prefix with --suffix.');
  }
  for (const name of ['system', 'raw'] as const) {
    if (given.has(name) && !given.has('prompt')) throw badArgument(`--${name} goes with --prompt.`);
  }
  if (given.has('system') && given.has('raw')) throw badArgument('--raw has no system message.');
  if (given.has('special') && !given.has('raw')) throw badArgument('--special goes with --raw.');
  const chat = given.text('chat');
  if (chat !== undefined) return { kind: 'chat', messages: await readMessages(chat) };
  const ids = given.text('ids');
  if (ids !== undefined) return { kind: 'ids', ids: readIds(ids) };
  if (isGap) return gapFrom(given.text('prefix') ?? '', given.text('suffix') ?? '');
  const text = given.required('prompt');
  if (text === '') throw badArgument('--prompt is empty.');
  if (given.has('raw')) return { kind: 'text', text, special: given.has('special') };
  const system = given.text('system');
  const before = system === undefined ? [] : [{ role: 'system', content: system }];
  return { kind: 'chat', messages: [...before, { role: 'user', content: text }] };
}

function gapFrom(prefix: string, suffix: string): Prompt {
  if (prefix === '' && suffix === '') throw badArgument('--prefix and --suffix are both empty.');
  return { kind: 'infill', prefix, suffix };
}

async function follow(
  call: StreamCall<RunEvent, RunResult>,
  output: Output,
  trace: TraceFile | null,
): Promise<RunResult> {
  const result = await drain(call, async (event) => {
    switch (event.type) {
      case 'progress':
        return output.progress(event.progress);
      case 'warning':
        return output.note(`warning: ${event.message}`);
      case 'opened':
        return output.clearProgress();
      case 'tokens':
        if (!output.isJson) output.write(event.batch.text);
        await trace?.write(event.batch.trace);
    }
  });
  output.clearProgress();
  return result;
}

function report(result: RunResult, output: Output): void {
  if (result.sameIds === false) output.note('warning: the ids differ from those of the first run.');
  if (output.isJson) return output.json(result);
  if (!result.text.endsWith('\n')) output.write('\n');
  const { timing, promptTokens, generatedTokens, finishReason, runId } = result;
  const prefill = `${promptTokens} prompt tokens at ${timing.prefillTokensPerSecond.toFixed(1)}/s`;
  const decode = `${generatedTokens} tokens at ${timing.decodeTokensPerSecond.toFixed(1)}/s`;
  output.note(`[${prefill}, ${decode}, ${finishReason}, run ${runId}]`);
}
