/** Hyper-parameters and tensors that make no model: refused by code, file and field (reliability F4). */
import { describe, expect, it } from 'vitest';
import type { ModelSource } from '../../electron/contract/model-source.ts';
import { readGguf } from '../../electron/formats/gguf/read-gguf.ts';
import { parseJsonObject } from '../../electron/formats/json.ts';
import { readTiny, refusal, renamed, tinyFolder, withConfig } from '../helpers/variant-source.ts';

describe('a config.json', () => {
  it.each<[string, string, Record<string, unknown>, string]>([
    ['no hidden size', 'llama', { hidden_size: undefined }, 'hidden_size'],
    ['a hidden size that is text', 'llama', { hidden_size: '64' }, 'hidden_size'],
    ['half a layer', 'llama', { num_hidden_layers: 2.5 }, 'num_hidden_layers'],
    ['a billion layers', 'llama', { num_hidden_layers: 1e9 }, 'num_hidden_layers'],
    ['minus one layer', 'gpt2', { n_layer: -1 }, 'n_layer'],
    ['no heads', 'llama', { num_attention_heads: 0 }, 'num_attention_heads'],
    ['key heads that do not divide the heads', 'llama', { num_key_value_heads: 3 }, 'num_key_value_heads'],
    ['heads that do not divide the width', 'opt', { num_attention_heads: 5 }, 'num_attention_heads'],
    ['a head of no whole width', 'mistral', { num_attention_heads: 6 }, 'head_dim'],
    ['heads in a list of the wrong length', 'llama', { num_attention_heads: [4, 4] }, 'num_attention_heads'],
    ['a feed-forward beyond 2^31', 'llama', { intermediate_size: 2 ** 40 }, 'intermediate_size'],
    ['an infinite epsilon', 'llama', { rms_norm_eps: Infinity }, 'rms_norm_eps'],
    ['a tie that is neither true nor false', 'llama', { tie_word_embeddings: 'yes' }, 'tie_word_embeddings'],
    ['more chosen experts than there are', 'mixtral', { num_experts_per_tok: 5 }, 'num_experts_per_tok'],
    ['layer types for other layers', 'gemma2', { layer_types: ['full_attention'] }, 'layer_types'],
    ['state heads that do not divide', 'mamba2', { num_heads: 7 }, 'num_heads'],
    ['a window of nothing', 'mistral', { sliding_window: 0 }, 'sliding_window'],
  ])('with %s names the field', async (_, name, changes, field) => {
    const { code, detail } = refusal(withConfig(await readTiny(name), changes));
    expect({ code, ...detail }).toEqual({ code: 'bad-file', file: 'config.json', field });
  });

  it.each<[string, string, Record<string, unknown>, string]>([
    ['an unknown activation', 'llama', { hidden_act: 'snake' }, 'hidden_act'],
    [
      'an unknown kind of layer',
      'gemma2',
      { layer_types: Array(4).fill('chunked_attention') },
      'layer_types',
    ],
    [
      'attention to what follows',
      'gemma3_text',
      { use_bidirectional_attention: true },
      'use_bidirectional_attention',
    ],
    [
      'norms without weights',
      'opt',
      { layer_norm_elementwise_affine: false },
      'layer_norm_elementwise_affine',
    ],
  ])('with %s names the missing feature', async (_, name, changes, field) => {
    const { code, detail } = refusal(withConfig(await readTiny(name), changes));
    expect({ code, field: detail.field }).toEqual({ code: 'unsupported-feature', field });
  });

  it('of an unknown model names its architecture', async () => {
    const source = { ...(await readTiny('llama')), architecture: 'perceiver_x' };
    expect(refusal(source)).toMatchObject({
      code: 'unsupported-architecture',
      message: 'The architecture "perceiver_x" is not supported.',
    });
  });

  it('cannot pass fields through __proto__', async () => {
    const base = await readTiny('llama');
    const config = parseJsonObject(
      Buffer.from('{"__proto__": {"hidden_size": 64, "num_hidden_layers": 3}}'),
      'x',
    );
    const source: ModelSource = { ...base, metadata: { kind: 'huggingface', config } };
    expect(refusal(source).detail).toEqual({ file: 'config.json', field: 'hidden_size' });
  });
});

describe('the metadata of a GGUF file', () => {
  it.each<[string, string, unknown, string]>([
    ['a 64-bit count', 'llama.block_count', 2n ** 60n, 'llama.block_count'],
    [
      'heads for two of three layers',
      'llama.attention.head_count',
      Uint32Array.of(4, 4),
      'llama.attention.head_count',
    ],
    [
      'a layer without heads',
      'llama.attention.head_count',
      Uint32Array.of(4, 0, 4),
      'llama.attention.head_count',
    ],
    ['a rope wider than a head', 'llama.rope.dimension_count', 32, 'llama.rope.dimension_count'],
    [
      'an epsilon that is no number',
      'llama.attention.layer_norm_rms_epsilon',
      NaN,
      'llama.attention.layer_norm_rms_epsilon',
    ],
  ])('with %s names the key', async (_, key, value, field) => {
    const source = await readGguf(`${tinyFolder('llama')}/model-f32.gguf`);
    if (source.metadata.kind !== 'gguf') throw new Error('not GGUF');
    const values = new Map(source.metadata.values).set(key, value as number);
    const { code, detail } = refusal({ ...source, metadata: { kind: 'gguf', values } });
    expect({ code, ...detail }).toEqual({ code: 'bad-file', file: 'model-f32.gguf', field });
  });
});

describe('the tensors of a file', () => {
  it('are listed where they are missing, ten at most, at once even for ten thousand layers', async () => {
    const source = withConfig(await readTiny('llama'), { num_hidden_layers: 10_000 });
    const start = performance.now();
    const { code, message, detail } = refusal(source);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(code).toBe('bad-file');
    expect(detail).toEqual({ file: 'model.safetensors', field: 'model.layers.3.input_layernorm.weight' });
    expect(message.match(/ is missing/g)).toHaveLength(10);
    expect(message).toMatch(/; …$/);
  });

  it('must have the shapes the hyper-parameters say', async () => {
    expect(refusal(withConfig(await readTiny('llama'), { vocab_size: 100_000 }))).toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining(
        'model.embed_tokens.weight has shape [320, 64], [100000, 64] was expected',
      ) as string,
    });
  });

  it('must include the biases that the family has', async () => {
    const source = renamed(await readTiny('qwen2'), (name) =>
      name.endsWith('1.self_attn.k_proj.bias') ? null : name,
    );
    expect(refusal(source).message).toContain('model.layers.1.self_attn.k_proj.bias is missing');
  });

  it('are not left unused: a scale beside a weight would be forgotten', async () => {
    const base = await readTiny('llama');
    const [any] = base.tensors.values();
    const name = 'model.layers.1.mlp.up_proj.weight_scale_inv';
    expect(refusal({ ...base, tensors: new Map(base.tensors).set(name, any!) })).toMatchObject({
      code: 'unsupported-feature',
      detail: { field: name },
    });
  });

  it('are numbers: a weight of integers is refused by its type', async () => {
    const base = await readTiny('llama');
    const name = 'model.layers.0.mlp.up_proj.weight';
    const tensors = new Map(base.tensors).set(name, { ...base.tensors.get(name)!, type: 'I32' });
    expect(refusal({ ...base, tensors })).toMatchObject({
      code: 'unsupported-type',
      detail: { field: name },
    });
  });
});
