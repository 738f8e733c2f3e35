import { describe, expect, test } from 'vitest';
import {
  describeRecipe,
  isQuantized,
  parseRecipe,
  recipeBytes,
} from '../../../electron/engine/quantize/recipe.ts';

describe('the name of a recipe', () => {
  test.each([
    ['q8', 'q8-g32', 8, 32, false],
    ['q4-g128', 'q4-g128', 4, 128, false],
    ['q4-g32-zp', 'q4-g32-zp', 4, 32, true],
    ['q2-g16', 'q2-g16', 2, 16, false],
    ['q8-zp', 'q8-g32-zp', 8, 32, true],
    ['q4-g256', 'q4-g256', 4, 256, false],
  ] as const)('%s is %s', (text, name, bits, group, zeroPoints) => {
    expect(parseRecipe(text)).toEqual({ name, bits, group, zeroPoints });
  });

  test.each(['', 'q3', 'Q4', 'q4-g33', 'q4-g8', 'q4-g512', 'q4-g', 'q4-zp-g32', 'q4_0', 'q4-g032x', 'q8-'])(
    '%j is none, and what is allowed is said',
    (text) => {
      expect(() => parseRecipe(text)).toThrow(
        expect.objectContaining({
          code: 'bad-request',
          message: expect.stringMatching(/q2, q4 or q8.*-g16, -g32.*-zp/) as string,
        }),
      );
    },
  );
});

describe('a recipe', () => {
  test('says to a person what it does', () => {
    expect(describeRecipe(parseRecipe('q4-g32-zp'))).toMatch(/4 bits.*32 columns.*zero point/);
    expect(describeRecipe(parseRecipe('q8'))).toMatch(/8 bits.*symmetric/);
  });

  test('is for linear layers, experts among them, and for nothing else', () => {
    const linear = ['query', 'key', 'value', 'output', 'gate', 'up', 'down', 'experts.3.up'];
    const others = ['layers.0.router.weight', 'layers.0.query.bias', 'layers.0.query_norm.weight'];
    for (const name of linear) expect(isQuantized(`layers.0.${name}.weight`), name).toBe(true);
    for (const name of [
      ...others,
      'embedding.weight',
      'head.weight',
      'embedding_in.weight',
      'final_norm.weight',
    ]) {
      expect(isQuantized(name), name).toBe(false);
    }
  });

  test('comes to its real bits per weight', () => {
    const bits = (name: string) => (8 * recipeBytes(parseRecipe(name), 64, 1024)) / (64 * 1024);
    expect(bits('q8')).toBe(8.5);
    expect(bits('q4-g32')).toBe(4.5);
    expect(bits('q4-g128')).toBe(4.125);
    expect(bits('q4-g32-zp')).toBe(4.75);
    expect(bits('q2-g32')).toBe(2.5);
    expect(bits('q2-g16-zp')).toBe(3.5);
  });
});
