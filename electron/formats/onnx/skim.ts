/**
 * Reads the structure of an .onnx file without its weights: payloads of the top graph's initializers are passed over and only their
 * place is kept, so that a model with gigabytes inside is listed by reading kilobytes. Fields that nothing here needs (value_info,
 * documentation, training information) are passed over too.
 */
import { badFile, LabError } from '../../contract/errors.ts';
import type { ModelFile } from '../model-file.ts';
import { decodeModel, maximumProtoBytes, type ModelProto } from './protobuf.ts';
import { WireCursor, WireLimits, type MessageKind } from './wire.ts';

/** Where an initializer's bytes lie in the .onnx file itself. */
export interface InlineData {
  readonly offset: number;
  readonly bytes: number;
}

export interface SkimmedModel {
  /** Without payloads of the graph's initializers. */
  readonly model: ModelProto;
  /** For each initializer in order: its bytes; 'numbers' where they are stored as protobuf numbers; null where there are none. */
  readonly inline: readonly (InlineData | 'numbers' | null)[];
  /** Bytes before the first payload. */
  readonly headerBytes: number;
}

/** Structure that is kept and decoded. */
const maximumStructureBytes = 64 * 1_048_576;
const maximumFields = 1_000_000;
const windowBytes = 32_768;

/** Fields that are kept as they are, with the kind of message they hold; null: a plain value. */
type KeptFields = Readonly<Partial<Record<number, MessageKind | null>>>;
/** ir_version, producer_name, producer_version, opset_import. */
const modelFields: KeptFields = { 1: null, 2: null, 3: null, 8: 'leaf' };
/** node, name, input, output. */
const graphFields: KeptFields = { 1: 'node', 2: null, 11: 'value', 12: 'value' };
/** dims, data_type, name, external_data, data_location. */
const tensorFields: KeptFields = { 1: null, 2: null, 8: null, 13: 'entry', 14: null };

const graphField = 7;
const functionsField = 25;
const initializerField = 5;
const sparseInitializerField = 15;
/** raw_data; and float_data and double_data, which packed are the bytes of the numbers. */
const payloadFields = [9, 4, 10];
/** float, int32, string, int64, double and uint64_data. */
const numberFields = [4, 5, 6, 7, 10, 11];

/** Throws bad-file with the offset, or unsupported-feature for functions and sparse weights. */
export async function skimModel(file: ModelFile): Promise<SkimmedModel> {
  if (file.bytes > maximumProtoBytes) {
    throw badFile(
      `${file.bytes} bytes; an ONNX file has at most 2 GiB, weights beyond lie in files beside it`,
      {
        file: file.name,
      },
    );
  }
  const skimmer = new Skimmer(file);
  const model = decodeModel(await skimmer.model(), file.name);
  return { model, inline: skimmer.inline, headerBytes: skimmer.firstPayload ?? file.bytes };
}

class Skimmer {
  readonly inline: (InlineData | 'numbers' | null)[] = [];
  firstPayload: number | null = null;
  readonly #file: ModelFile;
  readonly #reader: WindowReader;
  readonly #limits: WireLimits;
  readonly #kept = new ByteSink();

  constructor(file: ModelFile) {
    this.#file = file;
    this.#reader = new WindowReader(file);
    this.#limits = new WireLimits(file.name);
  }

  /** The encoded message of what is kept. */
  async model(): Promise<Uint8Array> {
    let graphs = 0;
    await this.#message(0, this.#file.bytes, modelFields, async (at) => {
      if (at.field === functionsField) this.#unsupported('functions defined by the model', at.start);
      if (at.field !== graphField || at.wire !== 2) return false;
      if (++graphs > 1) this.#reader.fail('a second graph', at.start);
      await this.#graph(at);
      return true;
    });
    if (graphs === 0) this.#reader.fail('the file holds no graph: it is no ONNX model', 0);
    return this.#kept.bytes();
  }

  async #graph({ dataStart, end }: WireField): Promise<void> {
    const begin = this.#kept.open(graphField);
    await this.#message(dataStart, end, graphFields, async (at) => {
      if (at.field === sparseInitializerField) this.#unsupported('sparse weights', at.start);
      if (at.field !== initializerField || at.wire !== 2) return false;
      await this.#initializer(at);
      return true;
    });
    this.#kept.close(begin);
  }

  async #initializer({ dataStart, end }: WireField): Promise<void> {
    // Twice: it costs a message and its place in the table of tensors.
    this.#limits.addMessage(dataStart);
    this.#limits.addMessage(dataStart);
    const begin = this.#kept.open(initializerField);
    let data: InlineData | 'numbers' | null = null;
    await this.#message(dataStart, end, tensorFields, (at) => {
      const isPayload = at.wire === 2 && payloadFields.includes(at.field);
      if (!isPayload && !numberFields.includes(at.field)) return false;
      if (data !== null && (isPayload || data !== 'numbers')) {
        this.#reader.fail('an initializer with two payloads', at.start);
      }
      data = isPayload ? { offset: at.dataStart, bytes: at.end - at.dataStart } : 'numbers';
      this.firstPayload ??= at.dataStart;
      return true;
    });
    this.#kept.close(begin);
    this.inline.push(data);
  }

  /** Walks the fields of one message: those that `take` does not take are kept as `kept` says, or passed over. */
  async #message(
    start: number,
    end: number,
    kept: KeptFields,
    take: (field: WireField) => Promise<boolean> | boolean,
  ): Promise<void> {
    for (let position = start; position < end;) {
      const field = await this.#reader.field(position, end);
      position = field.end;
      if (await take(field)) continue;
      const kind = kept[field.field];
      if (kind !== undefined) await this.#keep(field, kind);
    }
  }

  async #keep(field: WireField, kind: MessageKind | null): Promise<void> {
    const length = field.end - field.start;
    if (this.#kept.length + length > maximumStructureBytes) {
      this.#reader.fail(`the graph without its weights is over ${maximumStructureBytes} bytes`, field.start);
    }
    const bytes = await this.#reader.read(field.start, length);
    if (kind && field.wire === 2) {
      this.#limits.check(kind, bytes.subarray(field.dataStart - field.start), field.dataStart);
    }
    this.#kept.append(bytes);
  }

  #unsupported(what: string, offset: number): never {
    const file = this.#file.name;
    throw new LabError('unsupported-feature', `${file}: ${what} are not supported.`, { file, offset });
  }
}

/** An encoded message that grows. Lengths are patched in afterwards, as varints padded to 5 bytes. */
class ByteSink {
  length = 0;
  #buffer = new Uint8Array(65_536);

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Begins a length-delimited field; the result is for `close`. */
  open(field: number): number {
    this.#reserve(6);
    this.#buffer[this.length] = field * 8 + 2;
    this.length += 6;
    return this.length;
  }

  close(begin: number): void {
    const length = this.length - begin;
    for (let i = 0; i < 5; i++) {
      this.#buffer[begin - 5 + i] = ((length >>> (7 * i)) & 0x7f) | (i < 4 ? 0x80 : 0);
    }
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  #reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
    grown.set(this.#buffer);
    this.#buffer = grown;
  }
}

interface WireField {
  readonly field: number;
  readonly wire: number;
  readonly start: number;
  /** After tag and length. */
  readonly dataStart: number;
  readonly end: number;
}

/** Reads fields of the file through a window, so that passing over a payload reads none of it. */
class WindowReader {
  readonly #file: ModelFile;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  #fields = 0;

  constructor(file: ModelFile) {
    this.#file = file;
  }

  fail(message: string, offset: number): never {
    throw badFile(message, { file: this.#file.name, offset });
  }

  /** The field at `position`: tag, and its length where it has one; at most 20 bytes are looked at. */
  async field(position: number, end: number): Promise<WireField> {
    if (++this.#fields > maximumFields) this.fail(`more than ${maximumFields} fields`, position);
    const looked = Math.min(20, end - position);
    const cursor = new WireCursor(await this.read(position, looked), this.#file.name, position);
    const { field, wire } = cursor.tag(looked);
    if (wire !== 2) {
      cursor.skip(wire, looked);
      return { field, wire, start: position, dataStart: position, end: position + cursor.position };
    }
    const length = cursor.varint(looked);
    const dataStart = position + cursor.position;
    if (length > end - dataStart) {
      this.fail(`a field of ${length} bytes reaches past the end of its message`, position);
    }
    return { field, wire, start: position, dataStart, end: dataStart + length };
  }

  /** A view that the next read may replace. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (length > windowBytes) return this.#file.read(offset, length);
    const at = offset - this.#windowStart;
    if (at >= 0 && at + length <= this.#window.length) return this.#window.subarray(at, at + length);
    this.#window = await this.#file.read(offset, Math.min(windowBytes, this.#file.bytes - offset));
    this.#windowStart = offset;
    return this.#window.subarray(0, length);
  }
}
