/** Whether a pack holds what its model needs: its description and its records may come from a stranger. */
import { badFile } from '../../contract/errors.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import type { PackContents } from '../../contract/pack.ts';
import type { ResolvedModel } from '../../../models/families/model-spec.ts';
import { isMatrixName } from '../native/packed-size.ts';

/** The contents of a pack that has every weight of the model in its shape. Throws bad-file with the first that it has not; bad-file for what is no pack. */
export function packOf(source: ModelSource, { weights }: ResolvedModel): PackContents {
  const { pack } = source;
  const file = source.files[0]?.name ?? source.name;
  if (!pack) throw badFile('not a pack', { file });
  for (const [name, { shape }] of weights) {
    const problem = isMatrixName(name) ? matrixProblem(pack, name, shape) : vectorProblem(pack, name, shape);
    if (problem !== null) throw badFile(problem, { file, field: name });
  }
  return pack;
}

function matrixProblem({ matrices }: PackContents, name: string, shape: readonly number[]): string | null {
  const matrix = matrices.get(name);
  if (!matrix) return 'the pack has no such matrix';
  const [rows = 1, columns = 1] = shape;
  if (matrix.rows === rows && matrix.columns === columns) return null;
  return `the matrix is ${matrix.rows} × ${matrix.columns}, the model needs ${rows} × ${columns}`;
}

function vectorProblem({ vectors }: PackContents, name: string, shape: readonly number[]): string | null {
  const vector = vectors.get(name);
  if (!vector) return 'the pack has no such vector';
  const count = shape.reduce((product, size) => product * size, 1);
  if (vector.type !== 'f32') return 'the vector is not of floats';
  return vector.count === count ? null : `the vector has ${vector.count} numbers, the model needs ${count}`;
}
