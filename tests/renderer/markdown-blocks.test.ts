import { describe, expect, test } from 'vitest';
import { normalizeLineEnds, splitBlocks, type Blocks } from '../../renderer/features/chat/markdown/blocks.ts';

const sample =
  `# Title

A paragraph with *stress*
over two lines.

- a

- b
  - c

\`\`\`py
x = 1

y = 2
\`\`\`

$$
a

b
$$

\\[
x

y
\\]
after [it]

[it]: https://example.com

| a | b |
|--|--|
| 1 | 2 |

<div>

- ` + '\ttail';

/** As a reply grows: by `step` characters. */
function grow(text: string, step: number): Blocks {
  let blocks: Blocks | null = null;
  for (let end = step; end < text.length + step; end += step) {
    blocks = splitBlocks(text.slice(0, end), blocks);
    expect(blocks.blocks.map(({ source }) => source).join('')).toBe(text.slice(0, end));
  }
  return blocks ?? splitBlocks(text, null);
}

const longList = Array.from(
  { length: 200 },
  (_, index) => `${index + 1}. item ${index} of a long list\n`,
).join('');

describe('the blocks of a text', () => {
  test('joined are the text, each where it says it begins', () => {
    const { blocks } = splitBlocks(sample, null);
    for (const { start, source } of blocks) expect(sample.slice(start, start + source.length)).toBe(source);
    expect(blocks.map(({ source }) => source).join('')).toBe(sample);
  });

  test.each([1, 2, 3, 7, 40])(
    'are the same whether the text grows by %i characters or is there at once',
    (step) => {
      expect(grow(sample, step).blocks).toEqual(splitBlocks(sample, null).blocks);
    },
  );

  test('stay the same objects while the text goes on behind them', () => {
    const before = splitBlocks('One.\n\nTwo.\n\nThree.\n\nFour', null);
    const after = splitBlocks('One.\n\nTwo.\n\nThree.\n\nFour and more', before);
    expect(after.blocks.slice(0, 4)).toEqual(before.blocks.slice(0, 4));
    expect(after.blocks[0]).toBe(before.blocks[0]);
    expect(after.blocks[2]).toBe(before.blocks[2]);
  });

  test('of another text are made anew', () => {
    const before = splitBlocks('One.\n\nTwo.\n\nThree.', null);
    expect(splitBlocks('Other.', before).blocks.map(({ source }) => source)).toEqual(['Other.']);
  });

  test('keep formulas of several lines whole, blank lines and all', () => {
    const sources = splitBlocks(sample, null).blocks.map(({ source }) => source);
    expect(sources).toContain('$$\na\n\nb\n$$\n\n');
    expect(sources).toContain('\\[\nx\n\ny\n\\]\n');
  });

  test('know the link definitions of the whole text, once each', () => {
    expect(splitBlocks(sample, null).definitions).toBe('[it]: https://example.com');
    expect(grow(sample, 5).definitions).toBe('[it]: https://example.com');
  });

  test('of a long list are parts of it, cut between items, however it came', () => {
    const { blocks } = splitBlocks(longList, null);
    expect(blocks.length).toBeGreaterThan(3);
    for (const { source } of blocks.slice(0, -1)) expect(source).toMatch(/^\d+\. /);
    const drawn = (all: Blocks['blocks']) =>
      all.map(({ source }) => source.trim()).filter((source) => source !== '');
    expect(drawn(grow(longList, 11).blocks)).toEqual(drawn(blocks));
  });
});

test('line ends of other systems become line feeds and no character is lost', () => {
  expect(normalizeLineEnds('a\r\nb\rc\n')).toBe('a \nb\nc\n');
});
