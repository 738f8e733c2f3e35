/** T3 of docs/reliability.md: patterns and texts that stall tokenizers. */
import { afterAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../electron/contract/model-source.ts';
import { guardedCall } from '../../electron/host/guarded-call.ts';
import { goldenFolder } from '../helpers/golden.ts';
import type { Encoding } from '../helpers/text-child.ts';
import { limits, loadLimits, measure, mebibyte, startTextProcess } from '../helpers/text-process.ts';
import type { Outcome, TextProcess } from '../helpers/text-process.ts';
import { readJson } from '../helpers/tokenizers.ts';

const killSlackMs = 2000;
const pollSlackBytes = 192 * mebibyte;
const tiny = readJson(`${goldenFolder}/tiny/llama/tokenizer.json`) as JsonObject;
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };

const children = new Map<string, TextProcess>();
afterAll(() => children.forEach((child) => child.kill()));

/** One child for each vocabulary, started again after a kill. */
async function childWith(name: string, what: string): Promise<TextProcess> {
  const known = children.get(name);
  if (known?.isAlive() === true) return known;
  const child = await startTextProcess();
  children.set(name, child);
  await guardedCall(child, loadLimits, () => child.request({ operation: 'load', what }));
  return child;
}

function checkLimits({ elapsedMs, grownBytes }: Outcome): void {
  expect(elapsedMs).toBeLessThan(limits.timeMs + killSlackMs);
  expect(grownBytes).toBeLessThan(limits.memoryBytes + pollSlackBytes);
}

const split = (pattern: string): string =>
  JSON.stringify({
    ...tiny,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
        byteLevel,
      ],
    },
  });

describe('T3: patterns that stall', () => {
  it.each([
    ['(a+)+$', '(a+)+$'],
    ['(a|aa)+$', '(a|aa)+$'],
    ['(.*a){20}', '(.*a){20}b'],
  ])('%s on 100,000 a is stopped within the limits', async (name, pattern) => {
    const child = await childWith(name, split(pattern));
    const outcome = await measure(child, { operation: 'encode', text: `${'a'.repeat(100_000)}!` });
    checkLimits(outcome);
    expect(['time-limit', 'memory-limit', 'tokenizer-failed']).toContain(outcome.error?.code);
  });

  it('a normalizer that doubles the text 40 times is stopped within the limits', async () => {
    const double = { type: 'Replace', pattern: { String: 'a' }, content: 'aa' };
    const normalizer = { type: 'Sequence', normalizers: new Array<JsonObject>(40).fill(double) };
    const child = await childWith('double', JSON.stringify({ ...tiny, normalizer }));
    const outcome = await measure(child, { operation: 'encode', text: 'a' });
    checkLimits(outcome);
    expect(['time-limit', 'memory-limit', 'tokenizer-failed']).toContain(outcome.error?.code);
  });

  it('normalizers nested 20,000 deep are a coded error', async () => {
    const deep = `${'{"type":"Sequence","normalizers":['.repeat(20_000)}{"type":"NFC"}${']}'.repeat(20_000)}`;
    const child = await startTextProcess();
    const what = JSON.stringify(tiny).replace('"normalizer":null', `"normalizer":${deep}`);
    const outcome = await measure(child, { operation: 'load', what });
    child.kill();
    checkLimits(outcome);
    expect(outcome.error?.code).toBe('tokenizer-failed');
  });
});

describe.each(['bundled', 'llama2'] as const)('T3: texts for the %s vocabulary', (name) => {
  it.each([
    ['1 MB of one letter', 'a'.repeat(1_000_000)],
    ['1 MB of one mark', '<'.repeat(1_000_000)],
    ['1 MB of spaces', ' '.repeat(1_000_000)],
    ['1 MB of line ends', '\n'.repeat(1_000_000)],
    ['1 MB of emoji with joiners', '👨‍👩‍👧'.repeat(125_000)],
    ['1 MB of combining marks', `a${'\u0301'.repeat(500_000)}`],
    ['1 MB of words', 'hello world '.repeat(90_000)],
    ['100,000 special names', '<|im_end|></s>'.repeat(100_000)],
    ['60,000 characters of all scripts', Array.from({ length: 60_000 }, (_, i) => String.fromCodePoint(0x3000 + i * 4)).join('').replace(/\p{Cs}/gu, '')],
  ])('%s give ids that decode to them, or a limit', async (_, text) => {
    const child = await childWith(name, name);
    const outcome = await measure(child, { operation: 'encode', text });
    checkLimits(outcome);
    if (outcome.error === null) expect((outcome.value as Encoding).returns).toBe(true);
    else expect(['time-limit', 'memory-limit']).toContain(outcome.error.code);
  }); // prettier-ignore

  it('lone surrogates become U+FFFD and break nothing', async () => {
    const child = await childWith(name, name);
    const lone = await measure(child, { operation: 'encode', text: 'a\ud800b\udc00\ud83d' });
    const replaced = await measure(child, { operation: 'encode', text: 'a\ufffdb\ufffd\ufffd' });
    expect(lone.error).toBeNull();
    expect((lone.value as Encoding).first).toEqual((replaced.value as Encoding).first);
  });
});

describe('T3: ids that are no UTF-8', () => {
  it('decode to U+FFFD where the bytes are broken, and the rest stays', async () => {
    const child = await childWith('bundled', 'bundled');
    // ð Ł are the first bytes of a four-byte character; 19556 is "Hello".
    const { value } = await measure(child, { operation: 'decode', ids: [10813, 19556, 242, 10813] });
    expect(String(value)).toMatch(/^\ufffd+Hello\ufffd+$/);
  });

  it('are never made of a byte that the vocabulary lacks', async () => {
    const child = await childWith('bundled', 'bundled');
    // The bundled vocabulary has no token for byte F1, and 0 is its unknown token, which ends texts.
    const { value } = await measure(child, { operation: 'encode', text: '\u{4000c}' });
    expect((value as Encoding).first).toEqual([218, 218, 230]);
  });

  it('that are outside the vocabulary decode to nothing', async () => {
    const child = await childWith('bundled', 'bundled');
    const { value } = await measure(child, { operation: 'decode', ids: [49152, 19556, 2 ** 31, -1] });
    expect(value).toBe('Hello');
  });
});

describe('the guard itself', () => {
  it('reports a heap that fills up as a memory limit', async () => {
    const child = await startTextProcess(64);
    const template = `{% set s = [1, 2] %}${'{% set s = s + s %}'.repeat(64)}`;
    const call = guardedCall(child, loadLimits, () => child.request({ operation: 'render', template }));
    await expect(call).rejects.toMatchObject({ code: 'memory-limit' });
  });

  it('reports a process that ends otherwise as gone', async () => {
    const child = await startTextProcess();
    const call = guardedCall(child, loadLimits, () => child.request({ operation: 'load', what: 'llama2' }));
    child.kill();
    await expect(call).rejects.toMatchObject({ code: 'engine-gone' });
  });

  it.runIf(process.platform === 'linux')(
    'does not count the time in which a process cannot compute, as on a machine full of other work',
    async () => {
      const child = await childWith('bundled', 'bundled');
      const short = { timeMs: 200, memoryBytes: limits.memoryBytes };
      process.kill(child.pid, 'SIGSTOP');
      setTimeout(() => process.kill(child.pid, 'SIGCONT'), 1000);
      const value = await guardedCall(child, short, () =>
        child.request({ operation: 'decode', ids: [19556] }),
      );
      expect(value).toBe('Hello');
      expect(child.isAlive()).toBe(true);
    },
  );

  it('makes calls wait for each other instead of counting one call’s time for the next', async () => {
    const child = await childWith('bundled', 'bundled');
    const order: number[] = [];
    const slow = (index: number) => (): Promise<number> =>
      new Promise((resolve) => setTimeout(() => resolve(order.push(index)), 60));
    const short = { timeMs: 1000, memoryBytes: limits.memoryBytes };
    await Promise.all(Array.from({ length: 20 }, (_, index) => guardedCall(child, short, slow(index))));
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(child.isAlive()).toBe(true);
  });

  it('passes on what the call throws and leaves the process alone', async () => {
    const child = await childWith('bundled', 'bundled');
    const failing = guardedCall(child, limits, () =>
      child.request({ operation: 'render', template: '{% if' }),
    );
    await expect(failing).rejects.toMatchObject({ code: 'template-failed' });
    expect(child.isAlive()).toBe(true);
  });
});
