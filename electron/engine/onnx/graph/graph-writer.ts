/** Collects nodes, inputs, outputs and constants of one ONNX graph and encodes it. Names are made here; values flow as strings. */
import {
  AttributeType,
  DataType,
  encodeModel,
  type AttributeInit,
  type NodeInit,
  type TensorInit,
  type ValueInfoInit,
} from '../../../formats/onnx/protobuf.ts';

/** A float attribute; plain numbers are integers. */
export interface FloatAttribute {
  readonly float: number;
}
export type Attribute = number | string | FloatAttribute;
export type Dimension = number | string;

const microsoft = 'com.microsoft';
/** Operators this project uses that ONNX Runtime defines itself, outside the ONNX standard. */
const microsoftOperators = new Set([
  'MatMulNBits',
  'FusedMatMul',
  'GroupQueryAttention',
  'QuickGelu',
  'MoE',
  'GatherBlockQuantized',
]);

export class GraphWriter {
  readonly #nodes: NodeInit[] = [];
  readonly #inputs: ValueInfoInit[] = [];
  readonly #outputs: ValueInfoInit[] = [];
  readonly #initializers: TensorInit[] = [];
  readonly #constants = new Map<string, string>();
  #counter = 0;

  input(name: string, type: DataType, shape: readonly Dimension[]): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  output(name: string, type: DataType, shape: readonly Dimension[]): string {
    this.#outputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Adds an initializer once written (usually external data). */
  initializer(tensor: TensorInit): void {
    this.#initializers.push(tensor);
  }

  /** A small int64 vector kept inside the graph; equal ones are shared. */
  integers(values: readonly number[]): string {
    return this.#constant(`integers_${values.join('_')}`, DataType.INT64, [values.length], () =>
      BigInt64Array.from(values, BigInt),
    );
  }

  /** A float32 scalar kept inside the graph; equal ones are shared. */
  scalar(value: number): string {
    return this.#constant(`scalar_${value}`, DataType.FLOAT, [], () => Float32Array.of(value));
  }

  #constant(
    key: string,
    dataType: DataType,
    dims: readonly number[],
    make: () => BigInt64Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
  ): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `constant${this.#constants.size}`;
    this.#constants.set(key, name);
    const rawData = new Uint8Array(make().buffer);
    this.#initializers.push({ name, dataType, dims: dims.map(BigInt), rawData });
    return name;
  }

  /** Adds a node with one output and returns its name; `name` fixes it. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Record<string, Attribute> = {},
    name?: string,
  ): string {
    const output = name ?? `v${this.#counter++}`;
    this.nodes(operator, inputs, attributes, [output]);
    return output;
  }

  /** Adds a node with several named outputs. */
  nodes(
    operator: string,
    inputs: readonly string[],
    attributes: Record<string, Attribute>,
    outputs: readonly string[],
  ): void {
    this.#nodes.push({
      name: `${operator}_${this.#nodes.length}`,
      opType: operator,
      domain: microsoftOperators.has(operator) ? microsoft : '',
      input: [...inputs],
      output: [...outputs],
      attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    });
  }

  encode(): Uint8Array {
    return encodeModel({
      irVersion: 10n,
      producerName: 'retort',
      opsetImport: [
        { domain: '', version: 21n },
        { domain: microsoft, version: 1n },
      ],
      graph: {
        name: 'decoder',
        node: this.#nodes,
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
    });
  }
}

function attribute(name: string, value: Attribute): AttributeInit {
  if (typeof value === 'string') {
    return { name, type: AttributeType.STRING, s: new Uint8Array(new TextEncoder().encode(value)) };
  }
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: BigInt(value) };
  return { name, type: AttributeType.FLOAT, f: value.float };
}

function valueInfo(name: string, elemType: DataType, shape: readonly Dimension[]): ValueInfoInit {
  const dim = shape.map((size) =>
    typeof size === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(size) } }
      : { value: { case: 'dimParam' as const, value: size } },
  );
  return { name, type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } } };
}
