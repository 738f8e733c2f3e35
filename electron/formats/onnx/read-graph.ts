/** One .onnx file with its external data: checked, its tensors placed, its inputs and outputs as they are declared. */
import { badFile } from '../../contract/errors.ts';
import type {
  GraphTensor,
  OnnxGraph,
  QuantizedMatrix,
  SourceFile,
  TensorInfo,
} from '../../contract/model-source.ts';
import { openModelFile, type OpenOptions } from '../model-file.ts';
import { checkGraph } from './checks.ts';
import { Initializers, typeOfOnnx } from './initializers.ts';
import { findMatrices } from './matrices.ts';
import type { GraphProto, ValueInfoProto } from './protobuf.ts';
import { skimModel, type SkimmedModel } from './skim.ts';

export interface GraphFiles {
  readonly graph: OnnxGraph;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly matrices: ReadonlyMap<string, QuantizedMatrix>;
  /** The .onnx file first, then its external data. */
  readonly files: readonly SourceFile[];
}

export interface GraphPlace {
  /** Relative to the model's folder. */
  readonly name: string;
  readonly role: OnnxGraph['role'];
  /** Whether the name stands inside a file of the model, so that hard links are refused. */
  readonly isNamedInside: boolean;
}

/** Throws every coded error of skimming, checking and placing. `firstIndex` is the .onnx file's place in the source's files. */
export async function readGraph(folder: string, place: GraphPlace, firstIndex: number): Promise<GraphFiles> {
  const options: OpenOptions = { refuseHardLinks: place.isNamedInside };
  const opened = await openModelFile(folder, place.name, options);
  let skimmed: SkimmedModel;
  try {
    skimmed = await skimModel(opened);
  } finally {
    await opened.close();
  }
  const { model, headerBytes } = skimmed;
  const graph = model.graph;
  if (!graph) throw badFile('the file holds no graph: it is no ONNX model', { file: place.name });
  const { operators, innerTensors } = checkGraph(model, place.name);
  const file = { name: place.name, path: opened.path, bytes: opened.bytes, headerBytes };
  const initializers = new Initializers(folder, file, firstIndex, firstIndex + 1);
  const tensors = new Map<string, TensorInfo>();
  for (const [index, tensor] of graph.initializer.entries()) {
    const info = await initializers.place(tensor, skimmed.inline[index] ?? null);
    if (info) tensors.set(info.name, info);
  }
  for (const tensor of innerTensors) await initializers.checkExternal(tensor);
  return {
    graph: {
      role: place.role,
      file: firstIndex,
      inputs: declaredInputs(graph),
      outputs: graph.output.map(declared),
      operators,
    },
    tensors,
    matrices: findMatrices(graph, tensors, place.name),
    files: [file, ...initializers.externalFiles],
  };
}

/** Before IR version 4 every initializer was listed as an input too. */
function declaredInputs(graph: GraphProto): GraphTensor[] {
  const initializers = new Set(graph.initializer.map((tensor) => tensor.name));
  return graph.input.filter((input) => !initializers.has(input.name)).map(declared);
}

function declared(value: ValueInfoProto): GraphTensor {
  const type = value.type?.value;
  if (type?.case !== 'tensorType') return { name: value.name, type: 'UNKNOWN', shape: [] };
  const shape = (type.value.shape?.dim ?? []).map(({ value: size }) => {
    if (size.case === 'dimValue') return Number(size.value);
    return size.case === 'dimParam' ? size.value : '';
  });
  return { name: value.name, type: typeOfOnnx(type.value.elemType) ?? 'UNKNOWN', shape };
}
