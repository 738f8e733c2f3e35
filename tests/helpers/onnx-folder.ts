/** Small ONNX decoders made for a test: logits = embedding[ids] · head, with the head in external data. */
import {
  AttributeType,
  DataLocation,
  DataType,
  encodeModel,
  type GraphInit,
  type ModelInit,
  type NodeInit,
  type TensorInit,
  type ValueInfoInit,
} from '../../electron/formats/onnx/protobuf.ts';

export const vocabulary = 8;
export const width = 4;
export const dataName = 'model.onnx_data';
export const headBytes = width * vocabulary * 4;

export type Entries = Readonly<Record<string, string>>;
const good: Entries = { location: dataName, offset: '0', length: String(headBytes) };

export function value(name: string, type: number, shape: readonly (number | string)[]): ValueInfoInit {
  const dim = shape.map((size) => ({
    value:
      typeof size === 'number'
        ? { case: 'dimValue' as const, value: BigInt(size) }
        : { case: 'dimParam' as const, value: size },
  }));
  return { name, type: { value: { case: 'tensorType', value: { elemType: type, shape: { dim } } } } };
}

/** A float32 initializer in external data: the given entries, in order, may hold anything. */
export function externalTensor(
  name: string,
  entries: readonly (readonly [string, string])[],
  dims: readonly (number | bigint)[] = [width, vocabulary],
): TensorInit {
  return {
    name,
    dataType: DataType.FLOAT,
    dims: dims.map(BigInt),
    dataLocation: DataLocation.EXTERNAL,
    externalData: entries.map(([key, text]) => ({ key, value: text })),
  };
}

export const head = (changes: Entries = {}, dims?: readonly (number | bigint)[]) =>
  externalTensor('head', Object.entries({ ...good, ...changes }), dims);

const embedding: TensorInit = {
  name: 'embedding',
  dataType: DataType.FLOAT,
  dims: [BigInt(vocabulary), BigInt(width)],
  rawData: new Uint8Array(Float32Array.from({ length: vocabulary * width }, (_, i) => i / 8).buffer),
};

const nodes: NodeInit[] = [
  { opType: 'Gather', name: 'look up', input: ['embedding', 'input_ids'], output: ['rows'] },
  { opType: 'MatMul', name: 'head', input: ['rows', 'head'], output: ['logits'] },
];

export const decoderGraph: GraphInit = {
  name: 'decoder',
  node: nodes,
  initializer: [embedding, head()],
  input: [value('input_ids', DataType.INT64, ['batch', 'sequence'])],
  output: [value('logits', DataType.FLOAT, ['batch', 'sequence', vocabulary])],
};

export const withHead = (tensor: TensorInit): GraphInit => ({
  ...decoderGraph,
  initializer: [embedding, tensor],
});
export const withNodes = (...more: NodeInit[]): GraphInit => ({ ...decoderGraph, node: [...nodes, ...more] });

export function encodeGraph(graph: GraphInit, changes: Partial<ModelInit> = {}): Uint8Array {
  const domains = ['', 'com.microsoft', 'evil.operators'];
  const opsetImport = domains.map((domain) => ({ domain, version: domain === '' ? 20n : 1n }));
  return encodeModel({ irVersion: 10n, opsetImport, graph, ...changes });
}

/** `depth` If nodes inside one another. */
export function nestedIf(depth: number): NodeInit {
  let inner: GraphInit = { name: 'inmost' };
  for (let i = 1; i < depth; i++) inner = { name: `level ${i}`, node: [ifNode(inner)] };
  return ifNode(inner);
}

export function ifNode(graph: GraphInit): NodeInit {
  return {
    opType: 'If',
    name: 'branch',
    input: ['rows'],
    attribute: [{ name: 'then_branch', type: AttributeType.GRAPH, g: graph }],
  };
}

/** The head's external data. */
export const headData = new Uint8Array(Float32Array.from({ length: width * vocabulary }, (_, i) => i).buffer);
export const config = { model_type: 'llama', vocab_size: vocabulary, hidden_size: width };
/** A good folder in transformers.js layout. */
export const goodFiles = {
  'config.json': config,
  'model.onnx': encodeGraph(decoderGraph),
  [dataName]: headData,
};

/** An .onnx field of wire type 2. */
export function lengthDelimited(field: number, content: Uint8Array): Buffer {
  const length: number[] = [];
  let rest = content.length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([field * 8 + 2, ...length, rest]), content]);
}

/** A model whose graph is these bytes. */
export const rawGraph = (graph: Uint8Array) =>
  Buffer.concat([Buffer.from([8, 10]), lengthDelimited(7, graph)]);
