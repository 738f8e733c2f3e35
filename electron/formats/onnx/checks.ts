/**
 * What a graph must fulfil before anything trusts it or hands it to onnxruntime: known operator domains, values made before they
 * are used, no name made twice. Subgraphs of If, Loop and Scan are visited too.
 */
import { badFile, LabError } from '../../contract/errors.ts';
import type { GraphProto, ModelProto, NodeProto, TensorProto } from './protobuf.ts';

export interface CheckedGraph {
  /** `domain:Op` → count, subgraphs included. */
  readonly operators: ReadonlyMap<string, number>;
  /** Tensors outside the top graph's initializers: in attributes and subgraphs. */
  readonly innerTensors: readonly TensorProto[];
}

/** Operators of any other domain need a library named by the model, which is never loaded. */
const knownDomains = new Set(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft']);
const shown = (text: string) => text.slice(0, 200);

/** Throws unsupported-operator naming domain and operator, or bad-file naming the node. */
export function checkGraph(model: ModelProto, file: string): CheckedGraph {
  const checker = new GraphChecker(file);
  if (model.graph) checker.graph(model.graph, null);
  return checker;
}

/** Names of values that a node may use: its own graph's so far, and those of the graphs around it. */
class Scope {
  readonly names = new Set<string>();
  readonly #outer: Scope | null;

  constructor(outer: Scope | null) {
    this.#outer = outer;
  }

  has(name: string): boolean {
    return this.names.has(name) || (this.#outer?.has(name) ?? false);
  }
}

class GraphChecker implements CheckedGraph {
  readonly operators = new Map<string, number>();
  readonly innerTensors: TensorProto[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  graph(graph: GraphProto, outer: Scope | null): void {
    const scope = new Scope(outer);
    const initializers = new Set<string>();
    for (const { name } of graph.initializer) {
      if (initializers.has(name)) this.#fail(shown(name), 'the initializer occurs twice');
      initializers.add(name);
      scope.names.add(name);
    }
    // An input may have an initializer as its default, so the two overlap.
    for (const { name } of graph.input) scope.names.add(name);
    if (outer) this.innerTensors.push(...graph.initializer);
    for (const node of graph.node) this.#node(node, scope);
    for (const { name } of graph.output) {
      if (!scope.has(name)) this.#fail(shown(name), 'nothing makes this output');
    }
  }

  #node(node: NodeProto, scope: Scope): void {
    const operator = `${shown(node.domain) || 'ai.onnx'}:${shown(node.opType)}`;
    if (!knownDomains.has(node.domain)) this.#unknownDomain(operator);
    this.operators.set(operator, (this.operators.get(operator) ?? 0) + 1);
    const place = shown(node.name || `${operator} → ${node.output[0] ?? ''}`);
    for (const input of node.input) {
      if (input !== '' && !scope.has(input)) {
        const problem = `it uses ${JSON.stringify(shown(input))} before any node makes it: a cycle, or nodes out of order`;
        this.#fail(place, problem);
      }
    }
    for (const attribute of node.attribute) {
      if (attribute.t) this.innerTensors.push(attribute.t);
      this.innerTensors.push(...attribute.tensors);
      if (attribute.sparseTensor || attribute.sparseTensors.length > 0) this.#sparse(place);
      for (const graph of [...(attribute.g ? [attribute.g] : []), ...attribute.graphs])
        this.graph(graph, scope);
    }
    for (const output of node.output) {
      if (output === '') continue;
      if (scope.names.has(output)) this.#fail(place, `${JSON.stringify(shown(output))} is made twice`);
      scope.names.add(output);
    }
  }

  #unknownDomain(operator: string): never {
    const message = `${this.#file}: the operator ${operator} is of an unknown domain.`;
    throw new LabError('unsupported-operator', message, { file: this.#file, operator });
  }

  #sparse(place: string): never {
    const message = `${this.#file}, ${place}: sparse weights are not supported.`;
    throw new LabError('unsupported-feature', message, { file: this.#file, field: place });
  }

  #fail(field: string, message: string): never {
    throw badFile(message, { file: this.#file, field });
  }
}
