/** Which canonical weights a spec needs, and their shapes. */
import type { LayerNorms, LayerSpec, ModelSpec, NormSpec, StateSpaceLayerSpec } from './model-spec.ts';

/** `weight`: <stem>.weight of `shape`; `bias`: <stem>.bias of shape[0]; `bare`: a weight whose name is the stem itself. */
export interface WeightShape {
  readonly stem: string;
  readonly shape: readonly number[];
  readonly holds: 'weight' | 'bias' | 'weightAndBias' | 'bare';
}

const normStems: readonly (readonly [keyof LayerNorms, string])[] = [
  ['attentionInput', 'attention_input_norm'],
  ['attentionOutput', 'attention_output_norm'],
  ['attentionResidual', 'attention_residual_norm'],
  ['feedForwardInput', 'feed_forward_input_norm'],
  ['feedForwardOutput', 'feed_forward_output_norm'],
  ['feedForwardResidual', 'feed_forward_residual_norm'],
];

function norm(stem: string, spec: NormSpec, width: number): WeightShape {
  return { stem, shape: [width], holds: spec.kind === 'layer' ? 'weightAndBias' : 'weight' };
}

function linear(stem: string, outputs: number, inputs: number): WeightShape {
  return { stem, shape: [outputs, inputs], holds: 'weightAndBias' };
}

/** Weights outside the layers. */
export function modelShapes(spec: ModelSpec): WeightShape[] {
  const { hiddenSize, vocabularySize, embedding } = spec;
  const shapes: WeightShape[] = [
    { stem: 'embedding', shape: [vocabularySize, embedding.size], holds: 'weight' },
  ];
  if (embedding.size !== hiddenSize) {
    shapes.push(linear('embedding_in', hiddenSize, embedding.size));
    shapes.push(linear('embedding_out', embedding.size, hiddenSize));
  }
  if (embedding.learnedPositions) {
    const shape = [embedding.learnedPositions.rows, hiddenSize];
    shapes.push({ stem: 'position_embedding', shape, holds: 'weight' });
  }
  if (spec.finalNorm) shapes.push(norm('final_norm', spec.finalNorm, hiddenSize));
  if (!spec.head.tied) shapes.push(linear('head', vocabularySize, embedding.size));
  for (const { frequencies, dimensions } of spec.ropes) {
    const names =
      frequencies.kind === 'fixed'
        ? [frequencies.factorsWeight]
        : frequencies.kind === 'byContext'
          ? [frequencies.shortFactorsWeight, frequencies.longFactorsWeight]
          : [];
    for (const name of names) {
      if (name)
        shapes.push({ stem: name.replace(/\.weight$/, ''), shape: [dimensions / 2], holds: 'weight' });
    }
  }
  return shapes;
}

/** Weights of one layer, experts apart. */
export function layerShapes(spec: ModelSpec, layer: LayerSpec): WeightShape[] {
  if (layer.kind === 'stateSpace') return stateSpaceShapes(layer, spec.hiddenSize);
  const { attention, feedForward, norms } = layer;
  const width = spec.hiddenSize;
  const queryWidth = attention.heads * attention.headDimension;
  const keyWidth = attention.keyValueHeads * attention.headDimension;
  const shapes = normStems.flatMap(([place, stem]) => {
    const found = norms[place];
    return found ? [norm(stem, found, width)] : [];
  });
  if (attention.queryKeyNorm) {
    const { norm: normSpec, over } = attention.queryKeyNorm;
    shapes.push(norm('query_norm', normSpec, over === 'head' ? attention.headDimension : queryWidth));
    shapes.push(norm('key_norm', normSpec, over === 'head' ? attention.headDimension : keyWidth));
  }
  shapes.push(
    linear('query', queryWidth, width),
    linear('key', keyWidth, width),
    linear('value', keyWidth, width),
    linear('output', width, queryWidth),
  );
  if (feedForward.kind === 'experts') {
    shapes.push({ stem: 'router', shape: [feedForward.count, width], holds: 'weight' });
    return shapes;
  }
  if (feedForward.gated) shapes.push(linear('gate', feedForward.size, width));
  shapes.push(linear('up', feedForward.size, width), linear('down', width, feedForward.size));
  return shapes;
}

/** Weights of each expert of a layer; none where it has no experts. */
export function expertShapes(spec: ModelSpec, layer: LayerSpec): WeightShape[] {
  if (layer.kind !== 'attention' || layer.feedForward.kind !== 'experts') return [];
  const { size } = layer.feedForward;
  return [
    { stem: 'gate', shape: [size, spec.hiddenSize], holds: 'weight' },
    { stem: 'up', shape: [size, spec.hiddenSize], holds: 'weight' },
    { stem: 'down', shape: [spec.hiddenSize, size], holds: 'weight' },
  ];
}

function stateSpaceShapes(layer: StateSpaceLayerSpec, width: number): WeightShape[] {
  const { innerSize, stateSize, heads, groups, timeStepRank } = layer;
  const first = layer.version === 1;
  const channels = first ? innerSize : innerSize + 2 * groups * stateSize;
  const shapes: WeightShape[] = [
    norm('norm', layer.norm, width),
    linear('in', first ? 2 * innerSize : innerSize + channels + heads, width),
    linear('convolution', channels, layer.convolution),
    { stem: 'a_log', shape: first ? [innerSize, stateSize] : [heads], holds: 'bare' },
    { stem: 'd', shape: [first ? innerSize : heads], holds: 'bare' },
    linear('out', width, innerSize),
  ];
  if (first) {
    shapes.push({ stem: 'x', shape: [timeStepRank + 2 * stateSize, innerSize], holds: 'weight' });
    shapes.push(linear('time_step', innerSize, timeStepRank));
  } else {
    shapes.push({ stem: 'time_step', shape: [heads], holds: 'bias' });
    shapes.push(norm('gate_norm', layer.norm, innerSize));
  }
  return shapes;
}
