/** Sizes of every tensor type, and the ids GGUF gives to the ggml types. The only place that knows either. */
import type { GgmlType, TensorType } from '../contract/model-source.ts';

export interface TypeTraits {
  /** Elements that share one block; a row is a whole number of blocks. */
  readonly blockElements: number;
  readonly blockBytes: number;
}

const sizes: Record<TensorType, readonly [blockElements: number, blockBytes: number]> = {
  F32: [1, 4], F16: [1, 2], BF16: [1, 2], F64: [1, 8], I8: [1, 1], I16: [1, 2], I32: [1, 4], I64: [1, 8],
  Q4_0: [32, 18], Q4_1: [32, 20], Q5_0: [32, 22], Q5_1: [32, 24], Q8_0: [32, 34], Q8_1: [32, 40],
  Q2_K: [256, 84], Q3_K: [256, 110], Q4_K: [256, 144], Q5_K: [256, 176], Q6_K: [256, 210], Q8_K: [256, 292],
  IQ2_XXS: [256, 66], IQ2_XS: [256, 74], IQ2_S: [256, 82], IQ3_XXS: [256, 98], IQ3_S: [256, 110],
  IQ1_S: [256, 50], IQ1_M: [256, 56], IQ4_NL: [32, 18], IQ4_XS: [256, 136],
  TQ1_0: [256, 54], TQ2_0: [256, 66], MXFP4: [32, 17], NVFP4: [64, 36], Q1_0: [128, 18],
  U8: [1, 1], U16: [1, 2], U32: [1, 4], U64: [1, 8], BOOL: [1, 1], C64: [1, 8],
  I4: [2, 1], U4: [2, 1], I2: [4, 1], U2: [4, 1],
  F8_E4M3: [1, 1], F8_E5M2: [1, 1], F8_E8M0: [1, 1], F8_E4M3FNUZ: [1, 1], F8_E5M2FNUZ: [1, 1],
  F4: [2, 1], F6_E2M3: [4, 3], F6_E3M2: [4, 3],
}; // prettier-ignore

const traits = new Map(
  Object.entries(sizes).map(([type, [blockElements, blockBytes]]) => [type, { blockElements, blockBytes }]),
);

/** Block size of a type in elements and bytes. */
export function typeTraits(type: TensorType): TypeTraits {
  return traits.get(type)!;
}

const ggufIds: Record<GgmlType, number> = {
  F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q5_0: 6, Q5_1: 7, Q8_0: 8, Q8_1: 9,
  Q2_K: 10, Q3_K: 11, Q4_K: 12, Q5_K: 13, Q6_K: 14, Q8_K: 15,
  IQ2_XXS: 16, IQ2_XS: 17, IQ3_XXS: 18, IQ1_S: 19, IQ4_NL: 20, IQ3_S: 21, IQ2_S: 22, IQ4_XS: 23,
  I8: 24, I16: 25, I32: 26, I64: 27, F64: 28, IQ1_M: 29, BF16: 30,
  TQ1_0: 34, TQ2_0: 35, MXFP4: 39, NVFP4: 40, Q1_0: 41,
}; // prettier-ignore

const typesById = new Map(Object.entries(ggufIds).map(([type, id]) => [id, type as GgmlType]));

/** Types that ggml once had and dropped: files with them must be converted again. */
const removedIds = new Map([
  [4, 'Q4_2'], [5, 'Q4_3'], [31, 'Q4_0_4_4'], [32, 'Q4_0_4_8'], [33, 'Q4_0_8_8'],
  [36, 'IQ4_NL_4_4'], [37, 'IQ4_NL_4_8'], [38, 'IQ4_NL_8_8'],
]); // prettier-ignore

/** The type behind a GGUF id, or null where none is known. */
export function typeOfGgufId(id: number): GgmlType | null {
  return typesById.get(id) ?? null;
}

/** The name of a type that ggml removed, or null. */
export function removedGgufType(id: number): string | null {
  return removedIds.get(id) ?? null;
}
