/** The header of a pack: JSON at the end of the file, which the prelude in its first page points to. */
import { z } from 'zod';
import { ggmlTypeNames, type JsonObject, type TensorType } from '../../contract/model-source.ts';
import { packCodes, packScales } from '../../contract/pack.ts';
import { isObject, maximumTemplateBytes, maximumTemplates } from '../huggingface/folder-files.ts';
import { largestSide } from './layout.ts';
import { isStoredValue, type StoredValue } from './values.ts';

export const packMagic = 'RETORTPK';
export const packVersion = 1;
/** The prelude's size, and what large records and the header lie at multiples of. */
export const pageBytes = 4096;
/** Records from this size on begin a page; smaller ones lie back to back at multiples of `smallAlignment`. */
export const largeRecordBytes = 65_536;
export const smallAlignment = 64;
/** What tiles and vectors inside a record lie at multiples of. */
export const partAlignment = 64;
export const largestHeader = 256 * 1_048_576;
/** Widened to whole pages it is one read of at most 1 GiB (native/src/store/pack_records.cpp). */
export const largestRecord = 2 ** 30 - 2 * pageBytes;
/** Far more than a header has room for with what lies in them. */
const mostRecords = 2 ** 22;
const mostEnds = 1024;
const longestOrigin = 200;
/** Of text, or of its direction. */
const controls = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/** A model's name as a pack keeps it. */
export function originName(name: string): string {
  return name
    .replace(controls, ' ')
    .slice(0, longestOrigin)
    .replace(/\p{Cs}/gu, '\ufffd');
}

const name = z.string().min(1).max(1024);
const side = z.int().min(1).max(largestSide);
const count = z.int().nonnegative();
const small = z.int().min(-0x8000_0000).max(0x7fff_ffff);
/** Whatever the parser made of it: JSON it is. */
const json = z.custom<JsonObject>((value) => isObject(value as JsonObject), 'expected an object');

/** Stops at the first wrong item, where an array's schema would keep a complaint for each of millions. */
function list<Item extends z.ZodType>(item: Item) {
  return z.array(z.unknown()).transform((values, context) => {
    const items: z.output<Item>[] = [];
    for (const [index, value] of values.entries()) {
      const parsed = item.safeParse(value);
      if (!parsed.success) return complain(context, index, parsed.error);
      items.push(parsed.data);
    }
    return items;
  });
}

/** The same for an object's values, as a map. */
function dictionary<Item extends z.ZodType>(item: Item) {
  return json.transform((object, context) => {
    const items = new Map<string, z.output<Item>>();
    for (const [key, value] of Object.entries(object)) {
      const parsed = name.safeParse(key).success ? item.safeParse(value) : name.safeParse(key);
      if (!parsed.success) return complain(context, key.slice(0, 200), parsed.error);
      items.set(key, parsed.data as z.output<Item>);
    }
    return items;
  });
}

function complain(context: z.RefinementCtx, key: string | number, { issues: [first] }: z.ZodError): never {
  const { message = 'is wrong', path = [] } = first ?? {};
  context.addIssue({ code: 'custom', message, path: [key, ...path] });
  return z.NEVER;
}

const numbers = (most: number, isRight: (value: number) => boolean) =>
  z.custom<readonly number[]>(
    (value) =>
      Array.isArray(value) &&
      value.length <= most &&
      value.every((item) => Number.isSafeInteger(item) && isRight(item as number)),
    `expected a list of at most ${most} whole numbers in range`,
  );

const plainTypes = [
  'U8', 'U16', 'U32', 'U64', 'BOOL', 'C64', 'I4', 'U4', 'I2', 'U2',
  'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ', 'F4', 'F6_E2M3', 'F6_E3M2',
] as const satisfies readonly TensorType[]; // prettier-ignore
const StoredType = z.enum([...ggmlTypeNames, ...plainTypes]);

/** Name, type, shape. */
const StoredTensor = z.tuple([name, StoredType, z.array(count).max(8)]);
export type StoredTensor = z.infer<typeof StoredTensor>;

const StoredMatrix = z.strictObject({
  name,
  layout: z.enum(['matmulnbits', 'gptq', 'awq']),
  rows: side,
  columns: side,
  bits: z.int().min(1).max(16),
  blockSize: side,
  zeroPointOffset: z.literal([0, 1]),
  codes: StoredTensor,
  scales: StoredTensor,
  zeroPoints: StoredTensor.nullable(),
  groupIndex: StoredTensor.nullable(),
});
export type StoredMatrix = z.infer<typeof StoredMatrix>;

const id = z.int().min(0).max(0x7fff_ffff);

const GgufModel = z.strictObject({
  kind: z.literal('gguf'),
  values: list(
    z.tuple([z.string().min(1).max(65_535), z.custom<StoredValue>(isStoredValue, 'not a value of metadata')]),
  ),
});

const HuggingFaceModel = z.strictObject({
  kind: z.literal('huggingface'),
  architecture: name,
  config: json,
  tokenizer: z.strictObject({ tokenizer: json, config: json }).nullable(),
  templates: list(
    z.strictObject({ name: z.string().max(1024), template: z.string().max(maximumTemplateBytes) }),
  ).refine((templates) => templates.length <= maximumTemplates + 1, 'too many'),
  special: z.strictObject({
    bos: id.nullable(),
    ends: numbers(mostEnds, (value) => value >= 0 && value <= 0x7fff_ffff),
    unknown: id.nullable(),
    padding: id.nullable(),
    infill: z
      .strictObject({
        prefix: id.nullable(),
        suffix: id.nullable(),
        middle: id.nullable(),
        suffixFirst: z.boolean(),
      })
      .nullable(),
  }),
  generation: z.strictObject({
    temperature: z.number().min(0).max(100).optional(),
    topK: z.int().min(0).max(10_000_000).optional(),
    topP: z.number().gt(0).max(1).optional(),
    minP: z.number().min(0).max(1).optional(),
    repetitionPenalty: z.number().gt(0).max(100).optional(),
  }),
});

const Layout = z.strictObject({
  name: z.string().max(64),
  codes: z.enum(packCodes),
  scales: z.enum(packScales),
  zero: small,
  pointBase: small,
  stepColumns: side,
  stepsPerHeader: side,
});

/** Where a matrix lies. */
export const PlacedMatrix = z.strictObject({
  rows: side,
  columns: side,
  layout: Layout,
  columnOrder: name.nullable(),
  /** Record, offset in it, groups. */
  tiles: list(z.tuple([count, count, z.int().positive()])),
});

export const PlacedVector = z.strictObject({
  type: z.enum(['f32', 'i32']),
  count: z.int().positive(),
  record: count,
  offset: count,
});

export const StoredHeader = z.strictObject({
  /** Not strict: it had a field more once. */
  source: z.object({
    identity: z.string().regex(/^[0-9a-f]{64}$/),
    name: z
      .string()
      .min(1)
      .max(longestOrigin)
      .refine((text) => text.search(controls) < 0, 'holds control characters'),
    format: z.enum(['gguf', 'safetensors', 'genai', 'transformersjs']),
    recipe: z.string().min(1).max(64).optional(),
  }),
  /** The model it was made of, without places in files. */
  model: z.discriminatedUnion('kind', [GgufModel, HuggingFaceModel]),
  tensors: list(StoredTensor),
  quantized: list(StoredMatrix),
  records: z.strictObject({
    offset: numbers(mostRecords, (value) => value > 0),
    bytes: numbers(mostRecords, (value) => value > 0),
    crc: numbers(mostRecords, (value) => value >= 0 && value <= 0xffff_ffff),
  }),
  matrices: dictionary(PlacedMatrix),
  vectors: dictionary(PlacedVector),
});
export type StoredHeader = z.output<typeof StoredHeader>;
