/** ONNX folders of both layouts as model sources, against files of the real exporters (tests/golden/exports). */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ModelSource } from '../../electron/contract/model-source.ts';
import { DataType, decodeModel } from '../../electron/formats/onnx/protobuf.ts';
import { readOnnxFolder } from '../../electron/formats/onnx/read-folder.ts';
import { readWeight, readWeightBytes } from '../../electron/formats/read-weight.ts';
import { goldenFolder, maximumDifference, readGoldenTensors } from '../helpers/golden.ts';
import { labError, makeFolder } from '../helpers/model-folder.ts';
import {
  config,
  dataName,
  decoderGraph,
  encodeGraph,
  externalTensor,
  goodFiles,
  headData,
  vocabulary,
  width,
  withHead,
} from '../helpers/onnx-folder.ts';

const readExport = (name: string) => readOnnxFolder(join(goldenFolder, 'exports', name));
const tinyWeights = (name: string) =>
  readGoldenTensors(join(goldenFolder, 'tiny', name, 'model.safetensors'));
const graphName = (source: ModelSource) => source.files[source.graphs[0]!.file]!.name;

describe('exported folders', () => {
  test('an onnxruntime-genai folder is described by genai_config.json', async () => {
    const source = await readExport('llama-genai-int4');
    expect(source).toMatchObject({
      format: 'genai',
      name: 'llama-genai-int4',
      architecture: 'llama',
      special: { bos: 0, ends: [1], padding: 1 },
      generation: { temperature: 0, topK: 50, topP: 1, repetitionPenalty: 1 },
      metadata: {
        kind: 'huggingface',
        config: {
          model_type: 'llama',
          vocab_size: 320,
          hidden_size: 64,
          head_dim: 16,
          num_attention_heads: 4,
          num_key_value_heads: 2,
          num_hidden_layers: 3,
          max_position_embeddings: 256,
        },
      },
    });
    expect(source.tokenizer?.kind).toBe('huggingface');
    expect(source.files.map((file) => file.name)).toEqual([
      'genai_config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'model.onnx',
      'model.onnx.data',
    ]);
  });

  test('graphs are listed as they declare themselves', async () => {
    const { graphs } = await readExport('llama-genai-int4');
    const [graph] = graphs;
    expect(graphs.length).toBe(1);
    expect(graph?.role).toBe('decoder');
    expect(graph?.inputs.length).toBe(8);
    expect(graph?.inputs[0]).toEqual({
      name: 'input_ids',
      type: 'I64',
      shape: ['batch_size', 'sequence_length'],
    });
    expect(graph?.inputs[2]).toEqual({
      name: 'past_key_values.0.key',
      type: 'F32',
      shape: ['batch_size', 2, 'past_sequence_length', 16],
    });
    expect(graph?.outputs[0]).toMatchObject({ name: 'logits', type: 'F32' });
    expect(graph?.operators.get('com.microsoft:MatMulNBits')).toBe(16);
    expect(graph?.operators.get('com.microsoft:GroupQueryAttention')).toBe(3);
    expect(graph?.operators.get('ai.onnx:Sigmoid')).toBe(3);
  });

  test('a transformers.js folder is read from onnx/, its configuration from the root', async () => {
    const source = await readExport('qwen3-transformersjs-q4');
    expect(source).toMatchObject({
      format: 'transformersjs',
      architecture: 'qwen3',
      special: { bos: 0, ends: [1] },
    });
    expect(graphName(source)).toBe('onnx/model_q4.onnx');
    expect(source.files.at(-1)).toMatchObject({ name: 'onnx/model_q4.onnx_data', headerBytes: 0 });
  });

  test('operators inside the branches of a merged decoder are counted', async () => {
    const { graphs } = await readExport('gpt2-merged');
    expect(graphs[0]?.operators.get('ai.onnx:If')).toBe(1);
    expect(graphs[0]?.operators.get('ai.onnx:LayerNormalization')).toBe(14);
  });

  test('weights in external data are those of the model', async () => {
    const source = await readExport('mistral-genai-f32');
    const golden = await tinyWeights('mistral');
    const info = source.tensors.get('model.embed_tokens.weight')!;
    expect(info).toMatchObject({ type: 'F32', shape: [320, 64], bytes: 81_920 });
    const stored = await readWeightBytes(source, info);
    expect(Buffer.compare(stored, golden.get('model.embed_tokens.weight')!.bytes)).toBe(0);
  });

  test('weights inside the file are found by their place, the structure before them counts as header', async () => {
    const source = await readExport('llama-plain');
    const golden = await tinyWeights('llama');
    const info = source.tensors.get('model.norm.weight')!;
    const stored = await readWeightBytes(source, info);
    expect(Buffer.compare(stored, golden.get('model.norm.weight')!.bytes)).toBe(0);
    const file = source.files[info.file]!;
    expect(file.headerBytes).toBeGreaterThan(100_000);
    const first = Math.min(...[...source.tensors.values()].map((tensor) => tensor.offset));
    expect(file.headerBytes).toBe(first);
  });
});

describe('packed matrices of exported graphs', () => {
  async function worstError(source: ModelSource, name: string, golden: Float32Array): Promise<number> {
    const matrix = source.matrices.get(name)!;
    const shape = [matrix.rows, matrix.columns];
    const reference = { source: { kind: 'matrix' as const, matrix }, shape, transposed: false, rows: null };
    return maximumDifference(await readWeight(source, reference), golden);
  }

  test('are named after the builder’s weights and hold them, symmetric', async () => {
    const source = await readExport('llama-genai-int4');
    const golden = await tinyWeights('llama');
    const matrix = source.matrices.get('model.layers.1.mlp.up_proj.MatMul.weight');
    expect(matrix).toMatchObject({ rows: 128, columns: 64, bits: 4, blockSize: 32, layout: 'matmulnbits' });
    expect(matrix?.zeroPoints).toBeNull();
    expect(source.matrices.has('lm_head.MatMul.weight')).toBe(true);
    const weight = golden.get('model.layers.1.mlp.up_proj.weight')!.floats();
    const largest = weight.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
    const error = await worstError(source, 'model.layers.1.mlp.up_proj.MatMul.weight', weight);
    // A step is at most an eighth of the block's largest value.
    expect(error).toBeLessThanOrEqual(largest / 8);
    expect(error).toBeGreaterThan(0);
  });

  test('are named by their node where torch only numbered them, asymmetric', async () => {
    const source = await readExport('qwen3-transformersjs-q4');
    const golden = await tinyWeights('qwen3');
    const name = 'model.layers.2.self_attn.o_proj.MatMul.weight';
    expect(source.matrices.get(name)?.zeroPoints?.type).toBe('U8');
    const weight = golden.get('model.layers.2.self_attn.o_proj.weight')!.floats();
    const range = weight.reduce((most, one) => Math.max(most, Math.abs(one)), 0) * 2;
    expect(await worstError(source, name, weight)).toBeLessThan(range / 15);
  });
});

describe('which graph is the decoder', () => {
  const graph = encodeGraph(
    withHead({ name: 'head', dataType: DataType.FLOAT, dims: [4n, 8n], rawData: headData }),
  );
  const chosen = async (...names: string[]) =>
    graphName(await readOnnxFolder(makeFolder({ 'config.json': config, ...Object.fromEntries(names.map((name) => [name, graph])) }))); // prettier-ignore

  test.each([
    [['model.onnx', 'model_q4.onnx'], 'model.onnx'],
    [['onnx/model_fp16.onnx', 'onnx/model_q4.onnx'], 'onnx/model_q4.onnx'],
    [['onnx/model_q4.onnx', 'model.onnx'], 'onnx/model_q4.onnx'],
    [['onnx/decoder_model_merged_q4.onnx', 'onnx/decoder_model.onnx'], 'onnx/decoder_model_merged_q4.onnx'],
    [['anything.onnx'], 'anything.onnx'],
  ])('of %j it is %s', async (names, expected) => {
    expect(await chosen(...names)).toBe(expected);
  });

  test('graphs for images and embeddings are listed beside it', async () => {
    const folder = makeFolder({
      'config.json': config,
      'onnx/decoder_model_merged.onnx': graph,
      'onnx/embed_tokens_fp16.onnx': graph,
      'onnx/vision_encoder_q4.onnx': graph,
    });
    const source = await readOnnxFolder(folder);
    const roles = source.graphs.map(({ role, file }) => [role, source.files[file]?.name]);
    expect(roles).toEqual([
      ['decoder', 'onnx/decoder_model_merged.onnx'],
      ['embedding', 'onnx/embed_tokens_fp16.onnx'],
      ['vision', 'onnx/vision_encoder_q4.onnx'],
    ]);
  });

  test('two unknown names are refused with both', async () => {
    const error = await labError(chosen('a.onnx', 'b.onnx'));
    expect(error.code).toBe('bad-request');
    expect(error.message).toContain('a.onnx, b.onnx');
  });

  test('a folder without a graph or without a configuration is not found', async () => {
    expect(await labError(chosen())).toMatchObject({ code: 'not-found' });
    const error = await labError(readOnnxFolder(makeFolder({ 'model.onnx': graph })));
    expect(error).toMatchObject({ code: 'not-found', detail: { file: 'config.json' } });
  });

  test.each([
    [{}, 'bad-file', 'model'],
    [{ model: { type: 'llama' } }, 'bad-file', 'model.decoder'],
    [{ model: { type: 'llama', decoder: {} } }, 'bad-file', 'model.decoder.filename'],
    [{ model: { decoder: { filename: 'model.onnx' } } }, 'bad-file', 'model.type'],
    [{ model: { type: 'x', decoder: { filename: 'model.onnx', pipeline: [{}] } } }, 'unsupported-feature', 'model.decoder.pipeline'],
  ])('genai_config.json %j is refused', async (value, code, field) => {
    const folder = makeFolder({ 'genai_config.json': value, 'model.onnx': graph });
    const error = await labError(readOnnxFolder(folder));
    expect(error).toMatchObject({ code, detail: { file: 'genai_config.json', field } });
  }); // prettier-ignore
});

describe('the structure of a file', () => {
  test('inputs that are initializers are not inputs', async () => {
    const old = { ...decoderGraph, input: [...(decoderGraph.input ?? []), { name: 'embedding' }] };
    const source = await readOnnxFolder(makeFolder({ ...goodFiles, 'model.onnx': encodeGraph(old) }));
    expect(source.graphs[0]?.inputs.map((input) => input.name)).toEqual(['input_ids']);
  });

  test('numbers stored one by one are no tensor of the table', async () => {
    const values = Array.from({ length: width * vocabulary }, (_, i) => BigInt(i));
    const numbers = { name: 'numbers', dataType: DataType.INT64, dims: [32n], int64Data: values };
    const graph = { ...decoderGraph, initializer: [...(decoderGraph.initializer ?? []), numbers] };
    const source = await readOnnxFolder(makeFolder({ ...goodFiles, 'model.onnx': encodeGraph(graph) }));
    expect([...source.tensors.keys()]).toEqual(['embedding', 'head']);
  });

  test('float_data lies in the file as its bytes', async () => {
    const floatData = [...new Float32Array(headData.buffer)];
    const head = { name: 'head', dataType: DataType.FLOAT, dims: [4n, 8n], floatData };
    const source = await readOnnxFolder(
      makeFolder({ ...goodFiles, 'model.onnx': encodeGraph(withHead(head)) }),
    );
    const stored = await readWeightBytes(source, source.tensors.get('head')!);
    expect(Buffer.compare(stored, headData)).toBe(0);
  });

  test('two tensors may share one external file, which is listed once', async () => {
    const second = externalTensor('second', [['location', dataName], ['offset', '64'], ['length', '64']], [16]); // prettier-ignore
    const graph = { ...decoderGraph, initializer: [...(decoderGraph.initializer ?? []), second] };
    const source = await readOnnxFolder(makeFolder({ ...goodFiles, 'model.onnx': encodeGraph(graph) }));
    expect(source.files.map((file) => file.name)).toEqual(['config.json', 'model.onnx', dataName]);
    expect(source.tensors.get('head')).toMatchObject({ file: 2, offset: 0, bytes: 128 });
    expect(source.tensors.get('second')).toMatchObject({ file: 2, offset: 64, bytes: 64 });
  });

  test('what is encoded is decoded', () => {
    const model = decodeModel(encodeGraph(decoderGraph));
    expect(model.graph?.node.map((node) => node.opType)).toEqual(['Gather', 'MatMul']);
    expect(() => decodeModel(Uint8Array.of(0x3a, 0xff))).toThrow(/not an ONNX model/);
  });
});
