/** Finds every canonical weight of a spec among the tensors and matrices of a file, by a name table, and checks the shapes. */
import { badFile, LabError } from '../../electron/contract/errors.ts';
import type {
  ModelSource,
  QuantizedMatrix,
  TensorInfo,
  TensorType,
} from '../../electron/contract/model-source.ts';
import type { LayerSpec, ModelSpec, RowRange, WeightRef } from './model-spec.ts';
import type { NameRule, Names, NameTable } from './name-tables.ts';
import { expertShapes, layerShapes, modelShapes, type WeightShape } from './weight-shapes.ts';

/** How many problems an error lists. */
const problemsShown = 10;

const notWeights: ReadonlySet<TensorType> = new Set<TensorType>([
  'I8', 'I16', 'I32', 'I64', 'U8', 'U16', 'U32', 'U64', 'BOOL', 'C64', 'I4', 'U4', 'I2', 'U2',
]); // prettier-ignore

/** Where weights lie in the table's name space, and under which canonical prefix they go. */
interface Place {
  readonly canonical: string;
  readonly names: Names;
  readonly layer: number | null;
  readonly layers: number;
  readonly expert: number | null;
  readonly experts: number;
  /** Everything at this place: weights that may share a tensor. */
  readonly shapes: readonly WeightShape[];
  /** Stems whose bias must be there. */
  readonly biases: readonly string[];
}

type Kind = 'weight' | 'bias';
type Found = { tensor: TensorInfo; matrix: null } | { tensor: null; matrix: QuantizedMatrix };

export class WeightFinder {
  readonly #source: ModelSource;
  readonly #table: NameTable;
  readonly #prefix: string;
  readonly #used = new Set<string>();
  readonly #problems: string[] = [];

  constructor(source: ModelSource, table: NameTable) {
    this.#source = source;
    this.#table = table;
    this.#prefix = findPrefix(source, table);
  }

  /** Rows of the stored embedding, or null where none is found. */
  embeddingRows(): number | null {
    const [found, rule] = this.#first(this.#modelPlace(), 'embedding', 'weight') ?? [null, null];
    if (found?.matrix) return found.matrix.rows;
    return found?.tensor.shape[rule?.transposed ? 1 : 0] ?? null;
  }

  /** The file holds a head of its own. */
  hasHead(): boolean {
    return this.#first(this.#modelPlace(), 'head', 'weight') !== null;
  }

  /**
   * Every weight the spec needs. `biases` are the stems whose bias must be there; others are taken where they are. Throws bad-file
   * with up to ten missing or ill-shaped weights; unsupported-feature where layers hold tensors no part of the spec uses, or where
   * weights have no names.
   */
  resolve(spec: ModelSpec, biases: readonly string[]): Map<string, WeightRef> {
    const weights = new Map<string, WeightRef>();
    const model = { ...this.#modelPlace(), layers: spec.layers.length, shapes: modelShapes(spec), biases };
    this.#add(weights, model);
    for (const [index, layer] of spec.layers.entries()) {
      const canonical = `layers.${index}.`;
      const place = { ...model, canonical, names: this.#table.layer, layer: index };
      this.#add(weights, { ...place, shapes: layerShapes(spec, layer) });
      const experts = expertCount(layer);
      const shapes = expertShapes(spec, layer);
      for (let expert = 0; expert < experts && !this.#isHopeless(); expert++) {
        const prefix = `${canonical}experts.${expert}.`;
        this.#add(weights, {
          ...place,
          canonical: prefix,
          names: this.#table.experts,
          expert,
          experts,
          shapes,
          biases: [],
        });
      }
      if (this.#isHopeless()) break;
    }
    this.#refuseProblems();
    this.#refuseLeftovers();
    return weights;
  }

  #modelPlace(): Place {
    const { model: names } = this.#table;
    return { canonical: '', names, layer: null, layers: 0, expert: null, experts: 0, shapes: [], biases: [] };
  }

  /** Enough problems for a message: a file that claims 10,000 layers is not searched to its end. */
  #isHopeless(): boolean {
    return this.#problems.length > problemsShown;
  }

  #add(weights: Map<string, WeightRef>, place: Place): void {
    for (const shape of place.shapes) {
      // GGUF stores −exp(a_log) and says so by another name.
      const stem = shape.stem === 'a_log' && Object.hasOwn(place.names, 'a') ? 'a' : shape.stem;
      const part = { ...shape, stem };
      const put = (kind: Kind, isNeeded: boolean) => {
        const ref = this.#find(place, part, kind, isNeeded);
        if (ref) weights.set(place.canonical + stem + (part.holds === 'bare' ? '' : `.${kind}`), ref);
      };
      if (part.holds !== 'bias') put('weight', true);
      if (part.holds === 'bias') put('bias', true);
      if (part.holds === 'weightAndBias') put('bias', place.biases.includes(stem));
    }
  }

  #find(place: Place, part: WeightShape, kind: Kind, isNeeded: boolean): WeightRef | null {
    const first = this.#first(place, part.stem, kind);
    if (first) return this.#reference(first[0], first[1], part, kind, place);
    if (isNeeded) {
      const [rule] = rulesOf(place.names, part.stem);
      const name = rule ? this.#candidates(place, rule, kind)[0] : null;
      this.#problems.push(`${name ?? `${place.canonical}${part.stem}.${kind}`} is missing`);
    }
    return null;
  }

  /** What the first rule finds that finds anything. */
  #first(place: Place, stem: string, kind: Kind): [Found, NameRule] | null {
    for (const rule of rulesOf(place.names, stem)) {
      const found = this.#lookUp(this.#candidates(place, rule, kind));
      if (found) return [found, rule];
    }
    return null;
  }

  #reference(found: Found, rule: NameRule, part: WeightShape, kind: Kind, place: Place): WeightRef | null {
    const shape = kind === 'bias' ? part.shape.slice(0, 1) : part.shape;
    const { start, total } = rowsWithin(rule, part, place.shapes);
    const [rows, columns] = [shape[0]!, shape.slice(1)];
    const stored = found.tensor ? found.tensor.shape : [found.matrix.rows, found.matrix.columns];
    const layout = (turned: boolean) => {
      const inner = turned ? [...columns, total] : [total, ...columns];
      return rule.stacked ? [place.experts, ...inner] : inner;
    };
    // HF's stacked experts come in both orders; where the shape cannot tell them apart, outputs come first as in transformers 5.
    const isTurned = rule.stacked
      ? !sameLayout(stored, layout(false)) && sameLayout(stored, layout(true))
      : rule.transposed;
    const isTransposed = isTurned === true && found.tensor !== null && shape.length === 2;
    const expected = layout(isTransposed);
    const name = found.tensor ? found.tensor.name : found.matrix.name;
    this.#markUsed(found);
    if (!sameLayout(stored, expected)) {
      this.#problems.push(`${name} has shape [${stored.join(', ')}], [${expected.join(', ')}] was expected`);
      return null;
    }
    if (found.tensor && notWeights.has(found.tensor.type)) {
      throw new LabError(
        'unsupported-type',
        `${name}: weights of type ${found.tensor.type} are not supported.`,
        {
          file: this.#source.files[found.tensor.file]?.name ?? this.#source.name,
          field: name,
        },
      );
    }
    const first = rule.stacked ? place.expert! * total + start : start;
    const isPart = rule.stacked === true || total !== rows;
    const range: RowRange | null = isPart ? { start: first, count: rows } : null;
    const source = found.tensor
      ? ({ kind: 'tensor', tensor: found.tensor } as const)
      : ({ kind: 'matrix', matrix: found.matrix } as const);
    return { source, shape, transposed: isTransposed, rows: range };
  }

  #candidates(place: Place, rule: NameRule, kind: Kind): string[] {
    const stem = (kind === 'bias' && rule.biasStem) || rule.stem;
    const full = (place.layer === null ? stem : this.#table.layerPrefix + stem)
      .replace('{i}', String(place.layer))
      .replace('{e}', String(place.expert))
      .replace('{layers}', String(place.layers));
    const name = rule.bare ? full : `${full}.${kind}`;
    if (!rule.outside) return [this.#prefix + name];
    return [name, this.#prefix.replace(/model\.$/, '') + name, this.#prefix + name];
  }

  #lookUp(names: readonly string[]): Found | null {
    for (const name of names) {
      const matrix = this.#source.matrices.get(name);
      if (matrix) return { tensor: null, matrix };
      const tensor = this.#source.tensors.get(name);
      if (tensor) return { tensor, matrix: null };
    }
    return null;
  }

  /** The file that holds weights, for messages about all of them. */
  #file(): string {
    const [first] = this.#source.tensors.values();
    return this.#source.files[first?.file ?? 0]?.name ?? this.#source.name;
  }

  #markUsed({ tensor, matrix }: Found): void {
    if (tensor) this.#used.add(tensor.name);
    if (matrix) this.#used.add(matrix.name);
  }

  #refuseProblems(): void {
    const problems = this.#problems;
    if (problems.length === 0) return;
    const shown =
      problems.slice(0, problemsShown).join('; ') + (problems.length > problemsShown ? '; …' : '');
    if (this.#source.graphs.length > 0) {
      throw new LabError(
        'unsupported-feature',
        `This graph runs only as it was exported: its weights cannot be named (${shown}).`,
        { file: this.#file() },
      );
    }
    throw badFile(`weights are missing or have another shape than the hyper-parameters say: ${shown}`, {
      file: this.#file(),
      field: problems[0]!.split(' ')[0]!,
    });
  }

  /** A tensor in a layer that nothing reads (a scale, a sink, a further norm) means that the numbers would be wrong. */
  #refuseLeftovers(): void {
    for (const matrix of this.#source.matrices.values()) {
      if (!this.#used.has(matrix.name)) continue;
      for (const part of [matrix.codes, matrix.scales, matrix.zeroPoints, matrix.groupIndex]) {
        if (part) this.#used.add(part.name);
      }
    }
    const start = this.#prefix + this.#table.layerPrefix.split('{i}')[0]!;
    const names = [...this.#source.tensors.keys(), ...this.#source.matrices.keys()];
    const left = names.filter(
      (name) => name.startsWith(start) && !this.#used.has(name) && !this.#table.ignored?.test(name),
    );
    if (left.length === 0) return;
    const shown = left.slice(0, problemsShown).join(', ') + (left.length > problemsShown ? ', …' : '');
    throw new LabError(
      'unsupported-feature',
      `The file holds weights that its family does not use: ${shown}.`,
      {
        file: this.#file(),
        field: left[0]!,
      },
    );
  }
}

function expertCount(layer: LayerSpec): number {
  return layer.kind === 'attention' && layer.feedForward.kind === 'experts' ? layer.feedForward.count : 0;
}

function rulesOf(names: Names, stem: string): NameRule[] {
  const rules = Object.hasOwn(names, stem) ? names[stem]! : [];
  return rules.map((rule) => (typeof rule === 'string' ? { stem: rule } : rule));
}

/** The prefix before the embedding's name: the table's own, or whatever a wrapper put there, if only one fits. */
function findPrefix(source: ModelSource, table: NameTable): string {
  const isThere = (name: string) => source.tensors.has(name) || source.matrices.has(name);
  const rules = rulesOf(table.model, 'embedding').filter((rule) => !rule.outside);
  const ends = rules.map((rule) => `${rule.stem}.weight`);
  if (ends.some((end) => isThere(table.prefix + end))) return table.prefix;
  const found = [...source.tensors.keys(), ...source.matrices.keys()].flatMap((name) =>
    ends
      .filter((end) => name === end || name.endsWith(`.${end}`))
      .map((end) => name.slice(0, name.length - end.length)),
  );
  return found.length === 1 ? found[0]! : table.prefix;
}

/** Where a weight's rows start in the tensor that holds it and the others named by the rule, and how many rows that has. */
function rowsWithin(
  rule: NameRule,
  part: WeightShape,
  siblings: readonly WeightShape[],
): { start: number; total: number } {
  let start = 0;
  let total = 0;
  for (const stem of rule.rows ?? [part.stem]) {
    if (stem === part.stem) start = total;
    const sibling = stem === part.stem ? part : siblings.find((other) => other.stem === stem);
    total += sibling?.shape[0] ?? 0;
  }
  return { start, total };
}

/** Equal but for axes of size 1; a vector may be stored folded. */
function sameLayout(stored: readonly number[], expected: readonly number[]): boolean {
  const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  if (expected.length === 1) return product(stored) === expected[0];
  const squeeze = (shape: readonly number[]) => shape.filter((size) => size !== 1).join();
  return squeeze(stored) === squeeze(expected);
}
