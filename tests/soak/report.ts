/** What a soak came to, in words: for the terminal and for docs/reliability.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine, type Machine } from '../bench/machine.ts';
import { root } from '../helpers/e2e/build.ts';
import { wantedKills } from './kill-cycles.ts';
import { wantedMinutes } from './long-chat.ts';
import type { Minute, SoakState } from './state.ts';

const mebibyte = 1024 ** 2;
/** What is compared with each other: the first of a run, or of its second hour where there is one, and the last. */
const windowMinutes = 10;
const firstHour = 60;

/** What grows with the first chats has grown after an hour (S1 of the soak asks what comes then). */
function compared(run: readonly Minute[]): readonly Minute[] {
  return run.length >= firstHour + 2 * windowMinutes ? run.slice(firstHour) : run;
}

const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;

/** The minutes without a new host between them; of several such runs the longest. */
export function longestRun(minutes: readonly Minute[]): readonly Minute[] {
  const numbers = [...new Set(minutes.map(({ run }) => run))];
  const runs = numbers.map((number) => minutes.filter(({ run }) => run === number));
  return runs.toSorted((left, right) => right.length - left.length)[0] ?? [];
}

/** How a figure went from the first minutes of a run to its last; the halves of a short one. */
function change(minutes: readonly Minute[], figure: (minute: Minute) => number, unit: string): string {
  const size = Math.max(1, Math.min(windowMinutes, Math.floor(minutes.length / 2)));
  const first = median(minutes.slice(0, size).map(figure));
  const last = median(minutes.slice(-size).map(figure));
  const percent = first === 0 ? '0.0' : ((100 * (last - first)) / first).toFixed(1);
  const growth = percent.replace(/^-0\.0$/, '0.0').replace('-', '−');
  return `${first.toFixed(1)} → ${last.toFixed(1)} ${unit} (${growth} %)`;
}

function killLines({ kills }: SoakState): string[] {
  const done = kills.host + kills.engine;
  return [
    `- **Kills: ${done} of ${wantedKills}** (${kills.host} of the host, ${kills.engine} of the engine), each at a random token of a growing reply, ` +
      `${done === 0 ? 0 : Math.round(kills.tokens / done)} tokens far on average. ${kills.acknowledged} messages and replies were acknowledged; ` +
      `**${kills.problems.length} lost, doubled or changed**. From a kill to a model that is ready again it took ${(kills.longestRestartMs / 1000).toFixed(1)} s at most.`,
    ...kills.problems.map((problem) => `  - ${problem}`),
  ];
}

function chatLines({ chat }: SoakState): string[] {
  const { minutes, swaps, problems } = chat;
  const sum = (figure: (minute: Minute) => number) =>
    minutes.reduce((total, minute) => total + figure(minute), 0);
  const run = longestRun(minutes);
  const steady = compared(run);
  const models = [...new Set(steady.map(({ model }) => model))];
  return [
    `- **Chat: ${minutes.length} of ${wantedMinutes} minutes**, ${run.length} of them without a new host: ${sum(({ replies }) => replies)} replies, ` +
      `${sum(({ tokens }) => tokens)} tokens, ${swaps} swaps of the model, ${problems.length} errors.`,
    ...(run.length === 0
      ? []
      : [
          `  - host: ${change(steady, ({ hostBytes }) => hostBytes / mebibyte, 'MiB')}; open files: ${Math.min(...run.map(({ hostFiles }) => hostFiles))} to ${Math.max(...run.map(({ hostFiles }) => hostFiles))}`,
        ]),
    ...models.map((name) => {
      const its = steady.filter(({ model }) => model === name);
      const most = Math.max(...its.map(({ engineBytes }) => engineBytes)) / mebibyte;
      const memory = change(its, ({ engineBytes }) => engineBytes / mebibyte, 'MiB');
      return `  - engine with the ${name}: ${memory}, at most ${most.toFixed(1)} MiB; 95 % of its tokens within: ${change(its, ({ p95Ms }) => p95Ms, 'ms')}`;
    }),
    ...problems.map((problem) => `  - ${problem}`),
  ];
}

export const reportLines = (state: SoakState): string[] => [...killLines(state), ...chatLines(state)];

const documentFile = join(root, 'docs', 'reliability.md');
const [begin, end] = ['<!-- soak: begin -->', '<!-- soak: end -->'];

/** The text with the report in place of what stood between its marks. */
export function withReport(text: string, state: SoakState, { processor, cores, node }: Machine): string {
  const [before, rest] = [text.slice(0, text.indexOf(begin)), text.slice(text.indexOf(end))];
  if (!text.includes(begin) || !text.includes(end))
    throw new Error(`${documentFile} has no marks for a soak.`);
  const machine = `Medians of the first and the last ${windowMinutes} minutes after the first hour; of a run that is not much longer, of its beginning and end. ${processor}, ${cores} cores; Node ${node}.`;
  return `${before}${begin}\n${[...reportLines(state), '', machine].join('\n')}\n${rest}`;
}

export function writeDocument(state: SoakState): void {
  writeFileSync(documentFile, withReport(readFileSync(documentFile, 'utf8'), state, describeMachine()));
}
