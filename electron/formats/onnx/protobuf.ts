/**
 * The one module that knows the ONNX schema: onnx-buf's messages over @bufbuild/protobuf. Readers and the graph builder import
 * only this. A proto holds at most 2 GiB, so weights of any size belong into external data (externalTensor).
 */
import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ModelProtoSchema,
  TensorProto_DataLocation,
  type GraphProto,
  type ModelProto,
  type TensorProtoSchema,
} from 'onnx-buf';
import { LabError } from '../../contract/errors.ts';

export {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from 'onnx-buf';

/** What encodeModel takes: plain objects; fields left out keep the schema's defaults. */
export type ModelInit = Exclude<MessageInitShape<typeof ModelProtoSchema>, ModelProto>;
export type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
export type GraphInit = Exclude<NonNullable<ModelInit['graph']>, GraphProto>;
export type NodeInit = NonNullable<GraphInit['node']>[number];
export type AttributeInit = NonNullable<NodeInit['attribute']>[number];
export type ValueInfoInit = NonNullable<GraphInit['input']>[number];

/** Most bytes one proto may have: protobuf's own limit. */
export const maximumProtoBytes = 0x7fff_ffff;

/** Decodes a ModelProto. rawData are views into `bytes`, not copies. Throws `bad-file`, naming `file`, where the bytes are no such message. */
export function decodeModel(bytes: Uint8Array, file = 'model'): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new LabError('bad-file', `${file}: not an ONNX model: ${message}`, { file }, { cause: error });
  }
}

/** Encodes a model given as plain objects. */
export function encodeModel(model: ModelInit): Uint8Array {
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, model));
}

/** An initializer whose bytes lie in another file beside the model, `length` bytes at `offset`. */
export function externalTensor(
  tensor: { name: string; dataType: number; dims: readonly number[] },
  place: { location: string; offset: number; length: number },
): TensorInit {
  return {
    name: tensor.name,
    dataType: tensor.dataType,
    dims: tensor.dims.map(BigInt),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [
      { key: 'location', value: place.location },
      { key: 'offset', value: String(place.offset) },
      { key: 'length', value: String(place.length) },
    ],
  };
}
