/** The scalings of rope against values computed elsewhere (formats of transformers' modeling_rope_utils). */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { resolveModel, resolveSpec } from '../../models/families/index.ts';
import type { RopeSpec } from '../../models/families/model-spec.ts';
import {
  dynamicBase,
  frequenciesForContext,
  inverseFrequencies,
  longropeMagnitude,
  scaleFrequencies,
  yarnMagnitude,
  yarnRange,
} from '../../models/families/rope.ts';
import { goldenFolder } from '../helpers/golden.ts';
import { readTiny, withConfig } from '../helpers/variant-source.ts';

const relative = (actual: number, expected: number) => Math.abs(actual / expected - 1);

function fixed(frequencies: ReturnType<typeof scaleFrequencies>): readonly number[] {
  if (frequencies.kind !== 'fixed') throw new Error(`kind ${frequencies.kind}`);
  return frequencies.inverse;
}

const yarn = { kind: 'yarn', factor: 4, original: 32768, betaFast: 32, betaSlow: 1, truncate: true } as const;

describe('rope scalings', () => {
  it('of Llama 3 keep short waves, slow long ones and mix those between', () => {
    const scaling = { kind: 'llama3', factor: 8, lowFactor: 1, highFactor: 4, original: 8192 } as const;
    const inverse = fixed(scaleFrequencies(5e5, 128, scaling));
    const expected = new Map([
      [28, 0.00321144599],
      [29, 0.00216657076],
      [32, 0.000524846161],
      [35, 9.55621235e-5],
      [63, 3.06892599e-7],
    ]);
    for (const [i, value] of expected) expect(relative(inverse[i]!, value)).toBeLessThan(1e-8);
  });

  it('of YaRN ramp between components 23 and 40 for a base of a million', () => {
    const inverse = fixed(scaleFrequencies(1e6, 128, { ...yarn, magnitude: 1 }));
    expect(yarnRange(1e6, 128, yarn)).toEqual({ low: 23, high: 40 });
    const expected = new Map([
      [24, 0.00537532149],
      [30, 0.00106436098],
      [40, 4.44569853e-5],
    ]);
    for (const [i, value] of expected) expect(relative(inverse[i]!, value)).toBeLessThan(1e-8);
    expect(yarnMagnitude(4)).toBeCloseTo(1.13862944, 8);
    expect(yarnMagnitude(0.5)).toBe(1);
  });

  it('of LongRoPE multiply by the root of the stretch in logarithms', () => {
    expect(longropeMagnitude(131072, 4096)).toBeCloseTo(1.19023807, 8);
    expect(longropeMagnitude(4096, 4096)).toBe(1);
  });

  it('of dynamic NTK grow the base with the context and leave shorter ones alone', () => {
    const frequencies = { base: 1e4, factor: 2, original: 2048 };
    expect(dynamicBase(frequencies, 128, 4096)).toBeCloseTo(30527.7367, 4);
    expect(dynamicBase(frequencies, 128, 2048)).toBe(1e4);
  });
});

describe('the rope of a config.json', () => {
  const rope = async (name: string, changes: Record<string, unknown>): Promise<RopeSpec> =>
    resolveSpec(withConfig(await readTiny(name), changes)).ropes[0]!;

  it('is dynamic where rope_scaling says so, and then depends on the session', async () => {
    const dynamic = await rope('llama', { rope_scaling: { type: 'dynamic', factor: 2 } });
    expect(dynamic.frequencies).toEqual({ kind: 'dynamic', base: 1e4, factor: 2, original: 256 });
    expect(frequenciesForContext(dynamic, 256).inverse).toEqual(inverseFrequencies(1e4, 16));
    const longer = frequenciesForContext(dynamic, 512).inverse;
    expect(relative(longer[7]!, (1e4 * 3 ** (16 / 14)) ** (-14 / 16))).toBeLessThan(1e-12);
  });

  it('has the long base of Code Llama, in its GGUF files too', async () => {
    const long = { kind: 'fixed', inverse: inverseFrequencies(1e6, 16), magnitude: 1 };
    expect((await rope('llama', { rope_theta: 1e6 })).frequencies).toEqual(long);
    const source = await readModelSource(join(goldenFolder, 'tiny', 'llama', 'model-f32.gguf'));
    if (source.metadata.kind !== 'gguf') throw new Error('not GGUF metadata');
    const values = new Map([...source.metadata.values, ['llama.rope.freq_base', 1e6] as const]);
    const gguf = resolveSpec({ ...source, metadata: { kind: 'gguf', values } });
    expect(gguf.ropes[0]!.frequencies).toEqual(long);
  });

  it('is read from rope_parameters of transformers 5 as well', async () => {
    const parameters = { rope_type: 'linear', factor: 4, rope_theta: 5e5 };
    const linear = await rope('llama', { rope_parameters: parameters, rope_theta: undefined });
    const expected = inverseFrequencies(5e5, 16).map((value) => value / 4);
    expect(linear.frequencies).toEqual({ kind: 'fixed', inverse: expected, magnitude: 1 });
  });

  it('has one set of parameters per layer type in Gemma 3', async () => {
    const source = withConfig(await readTiny('gemma3_text'), {
      rope_theta: undefined,
      rope_local_base_freq: undefined,
      rope_scaling: undefined,
      rope_parameters: {
        full_attention: { rope_type: 'linear', factor: 8, rope_theta: 2e6 },
        sliding_attention: { rope_type: 'default', rope_theta: 5000 },
      },
    });
    const [everywhere, sliding] = resolveSpec(source).ropes;
    expect(everywhere!.frequencies).toMatchObject({ inverse: inverseFrequencies(2e6, 32).map((v) => v / 8) });
    expect(sliding!.frequencies).toMatchObject({ inverse: inverseFrequencies(5000, 32) });
  });

  it('turns only the leading share of a head where partial_rotary_factor says so', async () => {
    const partial = await rope('phi3', { partial_rotary_factor: 0.75 });
    expect(partial.dimensions).toBe(12);
    expect(partial.frequencies).toMatchObject({ inverse: inverseFrequencies(1e4, 12) });
  });

  it('takes YaRN magnitudes from attention_factor, or mscale over mscale_all_dim', async () => {
    const scaling = { rope_type: 'yarn', factor: 16, original_max_position_embeddings: 64 };
    const given = await rope('llama', { rope_scaling: { ...scaling, attention_factor: 1.5 } });
    expect(given.frequencies).toMatchObject({ magnitude: 1.5 });
    const ratio = await rope('llama', { rope_scaling: { ...scaling, mscale: 0.7, mscale_all_dim: 1 } });
    expect(ratio.frequencies).toMatchObject({
      magnitude: (0.07 * Math.log(16) + 1) / (0.1 * Math.log(16) + 1),
    });
  });

  it('chooses long factors only for sessions longer than the original context', async () => {
    const longrope = resolveModel(await readTiny('phi3-longrope')).spec.ropes[0]!;
    const base = inverseFrequencies(1e4, 16);
    expect(frequenciesForContext(longrope, 32).inverse[7]).toBeCloseTo(base[7]! / 2.05, 14);
    expect(frequenciesForContext(longrope, 33).inverse[7]).toBeCloseTo(base[7]! / 7.8, 14);
    expect(frequenciesForContext(longrope, 33).magnitude).toBe(longropeMagnitude(128, 32));
  });
});

describe('a rope that makes no sense', () => {
  const refused = async (changes: Record<string, unknown>, expected: object) => {
    const source = withConfig(await readTiny('llama'), changes);
    expect(() => resolveSpec(source)).toThrow(expect.objectContaining(expected));
  };

  it.each([
    ['a base of zero', { rope_theta: 0 }, 'rope_theta'],
    ['a base that is text', { rope_theta: '10000' }, 'rope_theta'],
    ['scaling that is a list', { rope_scaling: [] }, 'rope_scaling'],
    ['a linear factor of zero', { rope_scaling: { type: 'linear', factor: 0 } }, 'rope_scaling.factor'],
    ['no factor', { rope_scaling: { type: 'linear' } }, 'rope_scaling.factor'],
    [
      'equal Llama 3 bounds',
      {
        rope_scaling: {
          rope_type: 'llama3',
          factor: 8,
          low_freq_factor: 4,
          high_freq_factor: 4,
          original_max_position_embeddings: 32,
        },
      },
      'rope_scaling.high_freq_factor',
    ],
    [
      'too few LongRoPE factors',
      { rope_scaling: { type: 'longrope', short_factor: [1, 1], long_factor: [2, 2], factor: 2 } },
      'rope_scaling.short_factor',
    ],
    ['an odd share of a head', { partial_rotary_factor: 0.2 }, 'partial_rotary_factor'],
  ])('is refused with its field: %s', async (_, changes, field) => {
    await refused(changes, { code: 'bad-file', detail: { file: 'config.json', field } });
  });

  it('names a scaling that is not known', async () => {
    const message = 'config.json, rope_scaling.rope_type: the rope scaling "spiral" is not supported.';
    await refused(
      { rope_scaling: { rope_type: 'spiral', factor: 2 } },
      { code: 'unsupported-feature', message },
    );
  });
});
