/** A tiny model for the addon itself, made of plain descriptions: attention, experts and both kinds of state space. */
import type {
  NativeEngine,
  NativeLinear,
  NativeMatrixSource,
  NativeModelDescription,
  NativeNorm,
} from '../../electron/engine/native/addon.ts';

export const width = 8;
export const vocabulary = 16;

/** Values from −0.5 to 0.5, the same for one seed. */
function values(count: number, seed: number): Float32Array {
  let state = seed * 2_654_435_761;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

export function floatMatrix(rows: number, columns: number, seed: number): NativeMatrixSource {
  return { type: 'f32', rows, columns, bytes: new Uint8Array(values(rows * columns, seed).buffer) };
}

/** Packs what the model needs; the description names it. */
export async function describeTinyModel(engine: NativeEngine): Promise<NativeModelDescription> {
  let seed = 1;
  const pack = async (rows: number, columns: number) =>
    (await engine.pack(floatMatrix(rows, columns, seed++))).number;
  const linear = async (rows: number, columns: number): Promise<NativeLinear> => ({
    matrix: await pack(rows, columns),
    bias: values(rows, seed),
    columnOrder: Int32Array.from({ length: columns }, (_, i) => columns - 1 - i),
  });
  const norm = (size: number, kind: 'rms' | 'layer' = 'rms'): NativeNorm => ({
    kind,
    epsilon: 1e-5,
    weight: new Float32Array(size).fill(1),
    bias: kind === 'layer' ? values(size, seed) : null,
  });
  const attention = async () => ({
    kind: 'attention' as const,
    attentionInput: norm(width, 'layer'),
    attentionOutput: norm(width),
    attentionResidual: null,
    feedForwardInput: norm(width),
    feedForwardOutput: null,
    feedForwardResidual: norm(width),
    heads: 2,
    keyValueHeads: 1,
    headDimension: 4,
    scale: 0.5,
    window: 5,
    softcap: 30,
    rope: 0,
    query: await linear(8, width),
    key: await linear(4, width),
    value: await linear(4, width),
    output: await linear(width, 8),
    queryNorm: norm(4),
    keyNorm: norm(4),
    normsPerHead: true,
    clip: 8,
  });
  const expert = async () => ({
    gate: await linear(6, width),
    up: await linear(6, width),
    down: await linear(width, 6),
  });
  const stateSpace = {
    kind: 'stateSpace' as const,
    norm: norm(width),
    innerSize: 8,
    stateSize: 4,
    convolution: 3,
  };
  const embedding = await pack(vocabulary, width);
  return {
    hiddenSize: width,
    vocabularySize: vocabulary,
    embeddingSize: width,
    embeddingScale: 2,
    embedding,
    embeddingIn: await linear(width, width),
    embeddingOut: await linear(width, width),
    learnedPositions: { offset: 1, rows: 40, table: values(40 * width, seed) },
    layers: [
      {
        ...(await attention()),
        feedForward: { activation: 'gelu', gated: true, ...(await expert()) },
      },
      {
        ...(await attention()),
        feedForward: {
          activation: 'silu',
          gated: true,
          router: await linear(3, width),
          used: 2,
          normalizeChosen: true,
          experts: [await expert(), await expert(), await expert()],
        },
      },
      {
        ...stateSpace,
        version: 1,
        timeStepRank: 2,
        heads: 0,
        groups: 0,
        gateNormGroups: 0,
        timeStepLimit: null,
        in: await linear(16, width),
        out: await linear(width, 8),
        x: await linear(10, 8),
        timeStep: await linear(8, 2),
        convolutionWeight: values(24, seed),
        convolutionBias: values(8, seed),
        a: values(32, seed).map((value) => -Math.abs(value)),
        d: values(8, seed),
        timeStepBias: null,
        gateNorm: null,
      },
      {
        ...stateSpace,
        version: 2,
        timeStepRank: 0,
        heads: 2,
        groups: 1,
        gateNormGroups: 1,
        timeStepLimit: { minimum: 0.001, maximum: Infinity },
        in: await linear(26, width),
        out: await linear(width, 8),
        x: null,
        timeStep: null,
        convolutionWeight: values(48, seed),
        convolutionBias: null,
        a: values(2, seed).map((value) => -Math.abs(value)),
        d: values(2, seed),
        timeStepBias: values(2, seed),
        gateNorm: norm(8),
      },
    ],
    finalNorm: norm(width, 'layer'),
    head: { matrix: embedding, bias: null, columnOrder: null },
    headSoftcap: 20,
    headScale: 1.5,
  };
}

export const tinyRope = {
  dimensions: 4,
  style: 'halves' as const,
  inverse: Float64Array.of(1, 0.1),
  magnitude: 1,
  sections: null,
};
