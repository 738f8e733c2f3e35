/** The same golden weights in other layouts and under other names must give the same numbers. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { GgufValue, JsonObject, ModelSource } from '../../electron/contract/model-source.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { resolveModel, resolveSpec } from '../../models/families/index.ts';
import { forward64 } from '../helpers/float64-forward.ts';
import {
  goldenFolder,
  maximumDifference,
  readGoldenJson,
  readGoldenTensors,
  type TinyExpectation,
} from '../helpers/golden.ts';
import {
  ggufMetadata,
  readTensors,
  readTiny,
  refusal,
  renamed,
  tinyFolder,
  withConfig,
  writeSource,
  type PlainTensor,
} from '../helpers/variant-source.ts';

const removals: (() => void)[] = [];
afterAll(() => removals.forEach((remove) => remove()));

/** The largest difference of a source's logits from those of a golden case. */
async function logitDifference(source: ModelSource, name: string): Promise<number> {
  const { input_ids: ids } = readGoldenJson<TinyExpectation>('tiny', name, 'expected.json');
  const expected = await readGoldenTensors(join(tinyFolder(name), 'expected.safetensors'));
  const result = await forward64(source, resolveModel(source), ids);
  return maximumDifference(result.get('logits')!.data, expected.get('logits')!.floats());
}

async function written(
  base: ModelSource,
  tensors: ReadonlyMap<string, PlainTensor>,
  changes: Partial<ModelSource> = {},
): Promise<ModelSource> {
  const { source, remove } = await writeSource(base, tensors, changes);
  removals.push(remove);
  return source;
}

const asGguf = (architecture: string, values: Record<string, GgufValue>) => ({
  format: 'gguf' as const,
  architecture,
  metadata: ggufMetadata(architecture, values),
});

/** HF names of llama-like families → GGUF's. */
const ggufWords: readonly (readonly [RegExp, string])[] = [
  [/^model\.layers\./, 'blk.'],
  [/^model\.embed_tokens/, 'token_embd'],
  [/^model\.norm/, 'output_norm'],
  [/^lm_head/, 'output'],
  [/input_layernorm/, 'attn_norm'],
  [/pre_feedforward_layernorm/, 'ffn_norm'],
  [/post_feedforward_layernorm/, 'post_ffw_norm'],
  [/self_attn\.([qkv])_(proj|norm)/, 'attn_$1_$2'],
  [/_proj(?=\.)/, ''],
  [/self_attn\.o/, 'attn_output'],
  [/self_attn\.qkv/, 'attn_qkv'],
  [/mlp\.experts\.(\d+)\.(gate|up|down)/, 'ffn_$2.$1'],
  [/mlp\.gate_up/, 'ffn_up'],
  [/mlp\.gate(?=\.weight)/, 'ffn_gate'],
  [/mlp\.(up|down)/, 'ffn_$1'],
];
function ggufName(name: string, afterAttention: string, isRouter = false): string {
  const router = isRouter ? name.replace(/mlp\.gate\.weight/, 'ffn_gate_inp.weight') : name;
  const start = router.replace('post_attention_layernorm', afterAttention);
  return ggufWords.reduce((word, [pattern, to]) => word.replace(pattern, to), start);
}

const tinySizes = {
  context_length: 256,
  embedding_length: 64,
  block_count: 3,
  feed_forward_length: 128,
  'attention.head_count': 4,
  'attention.head_count_kv': 2,
  'attention.layer_norm_rms_epsilon': Math.fround(1e-5),
  vocab_size: 320,
};

describe('a GGUF file', () => {
  it('of phi3 holds q, k, v in one tensor and gate, up in another', async () => {
    const source = renamed(await readTiny('phi3'), (name) => ggufName(name, 'ffn_norm'));
    expect(await logitDifference({ ...source, ...asGguf('phi3', tinySizes) }, 'phi3')).toBeLessThan(1e-4);
  });

  it('of phi3 keeps LongRoPE factors in two tensors', async () => {
    const base = await readTiny('phi3-longrope');
    const plain = await readTensors(base);
    const tensors = new Map([...plain].map(([name, tensor]) => [ggufName(name, 'ffn_norm'), tensor]));
    const { rope_scaling: scaling } = readGoldenJson<{ rope_scaling: Record<string, number[]> }>(
      'tiny',
      'phi3-longrope',
      'config.json',
    );
    const factors = (list: string) => ({ shape: [8], data: Float32Array.from(scaling[list]!) });
    tensors.set('rope_factors_short.weight', factors('short_factor'));
    tensors.set('rope_factors_long.weight', factors('long_factor'));
    const sizes = { ...tinySizes, context_length: 128, 'rope.scaling.original_context_length': 32 };
    const source = await written(base, tensors, asGguf('phi3', sizes));
    expect(await logitDifference(source, 'phi3-longrope')).toBeLessThan(1e-4);
  });

  it.each([
    ['olmoe', 'olmoe', { feed_forward_length: 48, expert_count: 8, expert_used_count: 2 }],
    [
      'qwen3_moe',
      'qwen3moe',
      {
        expert_count: 8,
        expert_used_count: 2,
        expert_feed_forward_length: 32,
        'attention.key_length': 32,
        'attention.value_length': 32,
        'rope.freq_base': 1e6,
      },
    ],
  ])(
    'of %s holds experts one by one, and dense layers are those without a router',
    async (name, arch, sizes) => {
      const source = renamed(await readTiny(name), (old) => ggufName(old, 'ffn_norm', true));
      const gguf = { ...source, ...asGguf(arch, { ...tinySizes, ...sizes }) };
      expect(await logitDifference(gguf, name)).toBeLessThan(1e-4);
    },
  );

  it('of gemma2 stores its norms whole and windows every other layer', async () => {
    const base = await readTiny('gemma2');
    const tensors = new Map(
      [...(await readTensors(base))].map(([name, { shape, data }]) => [
        ggufName(name, 'post_attention_norm'),
        { shape, data: /norm\.weight$/.test(name) ? data.map((value) => value + 1) : data },
      ]),
    );
    const values = {
      ...tinySizes,
      block_count: 4,
      'attention.key_length': 32,
      'attention.value_length': 32,
      'attention.layer_norm_rms_epsilon': Math.fround(1e-6),
      'attention.sliding_window': 16,
      attn_logit_softcapping: 4,
      final_logit_softcapping: 5,
    };
    const gguf = await written(base, tensors, asGguf('gemma2', values));
    const [spec, folder] = [resolveSpec(gguf), resolveSpec(base)];
    expect(spec.finalNorm!.weightOffset).toBe(0);
    expect(folder.finalNorm!.weightOffset).toBe(1);
    // The golden model divides scores by √20, which GGUF cannot say: the file's own rule gives √32.
    const model = resolveModel(gguf);
    const scale = folder.layers[0]!.kind === 'attention' ? folder.layers[0]!.attention.scale : NaN;
    const layers = spec.layers.map((layer) =>
      layer.kind === 'attention' ? { ...layer, attention: { ...layer.attention, scale } } : layer,
    );
    const { input_ids: ids } = readGoldenJson<TinyExpectation>('tiny', 'gemma2', 'expected.json');
    const result = await forward64(gguf, { ...model, spec: { ...spec, layers } }, ids);
    const expected = await readGoldenTensors(join(tinyFolder('gemma2'), 'expected.safetensors'));
    const difference = maximumDifference(result.get('logits')!.data, expected.get('logits')!.floats());
    expect(difference).toBeLessThan(1e-4);
  });

  it('of gpt2 holds matrices the usual way round', async () => {
    const words: readonly (readonly [RegExp, string])[] = [
      [/^transformer\.h\./, 'blk.'],
      [/transformer\.wte/, 'token_embd'],
      [/transformer\.wpe/, 'position_embd'],
      [/transformer\.ln_f/, 'output_norm'],
      [/ln_1/, 'attn_norm'],
      [/ln_2/, 'ffn_norm'],
      [/attn\.c_attn/, 'attn_qkv'],
      [/attn\.c_proj/, 'attn_output'],
      [/mlp\.c_fc/, 'ffn_up'],
      [/mlp\.c_proj/, 'ffn_down'],
    ];
    const base = await readTiny('gpt2');
    const tensors = new Map(
      [...(await readTensors(base))].map(([name, tensor]) => [
        words.reduce((word, [pattern, to]) => word.replace(pattern, to), name),
        /c_\w+\.weight$/.test(name) ? transposed(tensor) : tensor,
      ]),
    );
    const values = {
      context_length: 128,
      embedding_length: 64,
      block_count: 3,
      feed_forward_length: 256,
      'attention.head_count': 4,
      'attention.layer_norm_epsilon': Math.fround(1e-5),
    };
    const gguf = await written(base, tensors, asGguf('gpt2', values));
    expect(await logitDifference(gguf, 'gpt2')).toBeLessThan(1e-4);
  });

  it('of mamba holds the decay itself', async () => {
    const base = await readTiny('mamba');
    const tensors = new Map(
      [...(await readTensors(base))].map(([name, { shape, data }]) => [
        mambaName(name),
        { shape, data: name.endsWith('A_log') ? data.map((value) => -Math.exp(value)) : data },
      ]),
    );
    const values = {
      embedding_length: 64,
      block_count: 3,
      context_length: 2 ** 20,
      'attention.layer_norm_rms_epsilon': Math.fround(1e-5),
      'ssm.conv_kernel': 4,
      'ssm.inner_size': 128,
      'ssm.state_size': 16,
      'ssm.time_step_rank': 4,
    };
    const gguf = await written(base, tensors, asGguf('mamba', values));
    expect(resolveModel(gguf).weights.has('layers.0.a')).toBe(true);
    expect(await logitDifference(gguf, 'mamba')).toBeLessThan(1e-4);
  });

  it('of Gemma 3 may list its sliding layers, and of Qwen 2 stretch positions by YaRN', async () => {
    const gemma = await readModelSource(join(tinyFolder('gemma3_text'), 'model-f32.gguf'));
    if (gemma.metadata.kind !== 'gguf') throw new Error('not GGUF');
    const flags = [true, false, true, false, true, false];
    const listed = new Map(gemma.metadata.values).set('gemma3.attention.sliding_window_pattern', flags);
    const spec = resolveSpec({ ...gemma, metadata: { kind: 'gguf', values: listed } });
    expect(spec.layers.map((layer) => layer.kind === 'attention' && layer.attention.window !== null)).toEqual(
      flags,
    );

    const qwen = await readModelSource(join(tinyFolder('qwen2'), 'model-f32.gguf'));
    if (qwen.metadata.kind !== 'gguf') throw new Error('not GGUF');
    const yarn = new Map(qwen.metadata.values)
      .set('qwen2.rope.scaling.type', 'yarn')
      .set('qwen2.rope.scaling.factor', 4)
      .set('qwen2.rope.scaling.original_context_length', 64);
    const fromGguf = resolveSpec({ ...qwen, metadata: { kind: 'gguf', values: yarn } }).ropes;
    const scaling = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64 };
    expect(fromGguf).toEqual(
      resolveSpec(withConfig(await readTiny('qwen2'), { rope_scaling: scaling })).ropes,
    );
  });
});

describe('a Hugging Face folder', () => {
  it.each([
    ['outputs first', false],
    ['inputs first', true],
  ])('may hold all experts of a layer in one tensor, %s', async (_, inputsFirst) => {
    const base = await readTiny('olmoe');
    const tensors = stackExperts(await readTensors(base), 3, 8, inputsFirst);
    expect(tensors.has('model.layers.2.mlp.experts.gate_up_proj')).toBe(true);
    expect(await logitDifference(await written(base, tensors), 'olmoe')).toBeLessThan(1e-4);
  });

  it.each([
    ['language_model.model.', 'language_model.lm_head.weight'],
    ['model.language_model.', 'lm_head.weight'],
  ])('of a vision model puts %s before the names', async (prefix, headName) => {
    const base = await readTiny('mistral');
    const source = renamed(base, (name) =>
      name === 'lm_head.weight' ? headName : name.replace(/^model\./, prefix),
    );
    const [vision] = source.tensors.values();
    const tensors = new Map(source.tensors).set('vision_tower.layers.0.weight', vision!);
    if (base.metadata.kind !== 'huggingface') throw new Error('not a Hugging Face source');
    const config: JsonObject = { model_type: 'llava', text_config: base.metadata.config };
    const wrapped = {
      ...source,
      tensors,
      architecture: 'llava',
      metadata: { kind: 'huggingface', config },
    } as const;
    expect(await logitDifference(wrapped, 'mistral')).toBeLessThan(1e-4);
  });

  it('of GPT-2 may leave the prefix out and keep old masks', async () => {
    const source = renamed(await readTiny('gpt2'), (name) => name.replace(/^transformer\./, ''));
    const tensors = new Map(source.tensors);
    tensors.set('h.0.attn.bias', {
      ...tensors.get('wpe.weight')!,
      name: 'h.0.attn.bias',
      shape: [1, 1, 128, 64],
    });
    expect(await logitDifference({ ...source, tensors }, 'gpt2')).toBeLessThan(1e-4);
  });

  it('ties the head where config.json says so or no head is there', async () => {
    const isTied = (source: ModelSource) => resolveSpec(source).head.tied;
    const untied = await readTiny('mistral');
    expect(isTied(untied)).toBe(false);
    expect(isTied(withConfig(untied, { tie_word_embeddings: true }))).toBe(true);
    const headless = renamed(untied, (name) => (name === 'lm_head.weight' ? null : name));
    expect(isTied(headless)).toBe(true);
  });

  it('of Qwen 2 slides its upper layers where use_sliding_window says so', async () => {
    const changes = {
      use_sliding_window: true,
      sliding_window: 16,
      max_window_layers: 2,
      layer_types: undefined,
    };
    const { layers } = resolveSpec(withConfig(await readTiny('qwen2'), changes));
    expect(layers.map((layer) => (layer.kind === 'attention' ? layer.attention.window : 0))).toEqual([
      null,
      null,
      16,
    ]);
  });
});

describe('an exported graph', () => {
  const exported = (name: string) => readModelSource(join(goldenFolder, 'exports', name));
  /** genai's builder leaves config.json out; many published folders keep it. */
  async function withConfigOf(name: string, tiny: string): Promise<ModelSource> {
    const source = await exported(name);
    const { metadata, files } = await readTiny(tiny);
    return {
      ...source,
      metadata,
      files: [...source.files, files.find((file) => file.name === 'config.json')!],
    };
  }

  it('of the genai builder has float matrices the other way round and one for q, k, v', async () => {
    expect(await logitDifference(await withConfigOf('mistral-genai-f32', 'mistral'), 'mistral')).toBeLessThan(
      1e-4,
    );
  });

  it.each([
    ['llama-genai-int4', 'llama'],
    ['qwen3-transformersjs-q4', 'qwen3'],
  ])('%s has 4-bit matrices with names of their own', async (name, tiny) => {
    const source = await withConfigOf(name, tiny);
    const expected = await readGoldenTensors(join(goldenFolder, 'exports', name, 'expected.safetensors'));
    const { tolerance } = readGoldenJson<{ tolerance: number }>('exports', name, 'expected.json');
    const ids = [...expected.get('input_ids')!.integers()];
    const result = await forward64(source, resolveModel(source), ids);
    const logits = expected.get('logits')!.floats();
    expect(maximumDifference(result.get('logits')!.data, logits)).toBeLessThan(tolerance);
  });

  it.each([
    ['llama-plain', 'weights without names', /its weights cannot be named/],
    ['gemma3-plain', 'weights without names', /its weights cannot be named/],
    ['llama-genai-int4', 'no config.json', /its folder has no config\.json/],
    ['gpt2-merged', 'a family without a name table', /weights of gpt2 graphs have no names/],
  ])('%s with %s runs only as it was exported', async (name, _, message) => {
    const error = refusal(await exported(name));
    expect(error.code).toBe('unsupported-feature');
    expect(error.message).toMatch(message);
  });
});

function transposed({ shape, data }: PlainTensor): PlainTensor {
  const [height, width] = [shape[0]!, shape[1]!];
  const turned = data.map((_, at) => data[(at % height) * width + Math.floor(at / height)]!);
  return { shape: [width, height], data: turned };
}

const mambaWords: readonly (readonly [RegExp, string])[] = [
  [/^backbone\.layers\./, 'blk.'],
  [/backbone\.embeddings/, 'token_embd'],
  [/backbone\.norm_f/, 'output_norm'],
  [/(\d)\.norm\./, '$1.attn_norm.'],
  [/mixer\.in_proj/, 'ssm_in'],
  [/mixer\.conv1d/, 'ssm_conv1d'],
  [/mixer\.x_proj/, 'ssm_x'],
  [/mixer\.dt_proj/, 'ssm_dt'],
  [/mixer\.A_log/, 'ssm_a'],
  [/mixer\.D/, 'ssm_d'],
  [/mixer\.out_proj/, 'ssm_out'],
];
function mambaName(name: string): string {
  return mambaWords.reduce((word, [pattern, to]) => word.replace(pattern, to), name);
}

/** Per-expert tensors → experts.gate_up_proj [experts, 2·inner, hidden] and down_proj [experts, hidden, inner], or each turned. */
function stackExperts(
  tensors: ReadonlyMap<string, PlainTensor>,
  layers: number,
  experts: number,
  inputsFirst: boolean,
): Map<string, PlainTensor> {
  const stacked = new Map([...tensors].filter(([name]) => !name.includes('.experts.')));
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}.mlp.experts.`;
    const collect = (words: readonly string[]): PlainTensor => {
      const parts = Array.from({ length: experts }, (_, expert) => {
        const list = words.map((word) => tensors.get(`${prefix}${expert}.${word}.weight`)!);
        const rows = list.reduce((sum, { shape }) => sum + shape[0]!, 0);
        const joined = { shape: [rows, list[0]!.shape[1]!], data: concatenate(list.map(({ data }) => data)) };
        return inputsFirst ? transposed(joined) : joined;
      });
      return { shape: [experts, ...parts[0]!.shape], data: concatenate(parts.map(({ data }) => data)) };
    };
    stacked.set(`${prefix}gate_up_proj`, collect(['gate_proj', 'up_proj']));
    stacked.set(`${prefix}down_proj`, collect(['down_proj']));
  }
  return stacked;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}
