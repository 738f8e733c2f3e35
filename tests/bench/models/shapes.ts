/** Shapes of llama models as the benchmark makes them, with a tied head. */
export interface ModelShape {
  readonly name: string;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDimension: number;
  readonly feedForward: number;
  readonly contextLength: number;
}

/** Of every model of the benchmark: the bundled one's. */
export const vocabulary = 49_152;

export const llama1b: ModelShape = {
  name: 'llama-1b',
  hidden: 2048,
  layers: 16,
  heads: 32,
  keyValueHeads: 8,
  headDimension: 64,
  feedForward: 8192,
  contextLength: 131_072,
};

/** That of the bundled model. */
export const llama135m: ModelShape = {
  name: 'llama-135m',
  hidden: 576,
  layers: 30,
  heads: 9,
  keyValueHeads: 3,
  headDimension: 64,
  feedForward: 1536,
  contextLength: 131_072,
};

export interface NamedMatrix {
  /** Between the layer's prefix and `.weight`, as GGUF names it. */
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
}

/** The matrices of one layer in the order of computation. */
export function layerMatrices(shape: ModelShape): NamedMatrix[] {
  const { hidden, feedForward } = shape;
  const queries = shape.heads * shape.headDimension;
  const keys = shape.keyValueHeads * shape.headDimension;
  return [
    { name: 'attn_q', rows: queries, columns: hidden },
    { name: 'attn_k', rows: keys, columns: hidden },
    { name: 'attn_v', rows: keys, columns: hidden },
    { name: 'attn_output', rows: hidden, columns: queries },
    { name: 'ffn_gate', rows: feedForward, columns: hidden },
    { name: 'ffn_up', rows: feedForward, columns: hidden },
    { name: 'ffn_down', rows: hidden, columns: feedForward },
  ];
}

/** Elements of all matrices that one decoded token is multiplied by: those of the layers and the head. */
export function matrixElements(shape: ModelShape): number {
  const ofLayer = layerMatrices(shape).reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  return shape.layers * ofLayer + vocabulary * shape.hidden;
}
