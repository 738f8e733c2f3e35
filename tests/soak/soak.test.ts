/** What the soak counts as lost, and how it tells what it did; the soak itself takes hours. */
import { describe, expect, it } from 'vitest';
import type { StoredMessage } from '../helpers/e2e/chats-on-disk.ts';
import { problemsOf } from './kill-cycles.ts';
import { longestRun, reportLines, withReport } from './report.ts';
import { readOptions } from './options.ts';
import { parseState, type Minute } from './state.ts';

const stored = (id: string, text: string): StoredMessage => ({
  id,
  text,
  chatId: 'c',
  role: 'assistant',
  state: 'interrupted',
  reply: null,
});

describe('what was acknowledged', () => {
  const whole = { id: 'm1', text: 'A question', isWhole: true };
  const begun = { id: 'm2', text: 'Once upon', isWhole: false };

  it('is no problem where all of it is there, and of a growing reply what there was', () => {
    expect(
      problemsOf([whole, begun], [stored('m1', 'A question'), stored('m2', 'Once upon a time')]),
    ).toEqual([]);
  });

  it('is a problem where it is lost, doubled, changed or shorter', () => {
    const problems = (...messages: StoredMessage[]) => problemsOf([whole], messages);
    expect(problems()).toEqual(['m1 is lost.']);
    expect(problems(stored('m1', 'A question'), stored('m1', 'A question'))).toEqual([
      'm1 is there 2 times.',
    ]);
    expect(problems(stored('m1', 'A question!'))).toEqual(['m1 is changed: "A question!"']);
    expect(problemsOf([begun], [stored('m2', 'Once')])).toEqual(['m2 is changed: "Once"']);
  });
});

const mebibyte = 1024 ** 2;
const minute = (fields: Partial<Minute>): Minute => ({
  run: 1,
  model: 'GGUF',
  hostBytes: 100 * mebibyte,
  engineBytes: 300 * mebibyte,
  hostFiles: 30,
  replies: 10,
  tokens: 640,
  p95Ms: 10,
  ...fields,
});

describe('the report', () => {
  const minutes = [
    minute({ run: 1 }),
    ...Array.from({ length: 20 }, (_, index) =>
      minute({ run: 2, hostBytes: (index < 10 ? 100 : 103) * mebibyte }),
    ),
  ];
  const state = parseState({
    version: 1,
    kills: {
      host: 2,
      engine: 1,
      acknowledged: 6,
      problems: ['seed 1: m1 is lost.'],
      longestRestartMs: 1500,
      tokens: 300,
    },
    chat: { minutes, swaps: 2, problems: [] },
  });

  it('compares memory within the longest run of one host', () => {
    expect(longestRun(minutes)).toHaveLength(20);
    expect(reportLines(state).join('\n')).toContain('host: 100.0 → 103.0 MiB (3.0 %); open files: 30 to 30');
  });

  it('leaves out the hour in which first chats make memory grow, where there is a second', () => {
    const long = Array.from({ length: 120 }, (_, index) =>
      minute({ hostBytes: (index < 60 ? 50 : 100) * mebibyte }),
    );
    const lines = reportLines({ ...state, chat: { ...state.chat, minutes: long } }).join('\n');
    expect(lines).toContain('host: 100.0 → 100.0 MiB (0.0 %)');
  });

  it('says how much was done, and each problem', () => {
    const text = reportLines(state).join('\n');
    expect(text).toContain('**Kills: 3 of 1000** (2 of the host, 1 of the engine)');
    expect(text).toContain('**1 lost, doubled or changed**');
    expect(text).toContain('  - seed 1: m1 is lost.');
    expect(text).toContain(
      '**Chat: 21 of 120 minutes**, 20 of them without a new host: 210 replies, 13440 tokens',
    );
  });

  it('takes the place of the one before it in the document, and of nothing else', () => {
    const machine = { processor: 'P', cores: 2, node: 'v24', memoryGiB: 1, instructionSets: [], system: 's' };
    const text = 'Before\n<!-- soak: begin -->\nold\n<!-- soak: end -->\nAfter\n';
    const written = withReport(text, state, machine);
    expect(written).toMatch(
      /^Before\n<!-- soak: begin -->\n- \*\*Kills[^]*P, 2 cores; Node v24\.\n<!-- soak: end -->\nAfter\n$/,
    );
    expect(written).not.toContain('old');
    expect(withReport(written, state, machine)).toBe(written);
    expect(() => withReport('no marks', state, machine)).toThrow('marks');
  });
});

describe('a state', () => {
  it('of another version is refused, not begun again', () => {
    expect(() => parseState({ version: 2 })).toThrow();
  });
});

describe('its options', () => {
  it('are what to do and for how long', () => {
    expect(readOptions([])).toEqual({ minutes: Infinity, document: false, chosen: ['kills', 'chat'] });
    expect(readOptions(['chat', '--minutes', '5'])).toEqual({
      minutes: 5,
      document: false,
      chosen: ['chat'],
    });
    for (const wrong of [['sleep'], ['--minutes', '0'], ['--minutes', 'x']])
      expect(() => readOptions(wrong)).toThrow('It takes `kills` or `chat`');
  });
});
