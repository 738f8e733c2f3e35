import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { GgufValue, ModelSource } from '../../electron/contract/model-source.ts';
import { nativeAddon } from '../../electron/engine/native/addon.ts';
import { inspect } from '../../electron/engine/handlers/inspect.ts';
import { modelIdentity, weightsIdentity } from '../../electron/formats/identity.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { crc32c } from '../../electron/formats/pack/crc32c.ts';
import { encodeHeader } from '../../electron/formats/pack/header.ts';
import { readPack } from '../../electron/formats/pack/read-pack.ts';
import { restoreValue, storeValue } from '../../electron/formats/pack/values.ts';
import { readWeightBytes } from '../../electron/formats/read-weight.ts';
import { resolveModel } from '../../models/families/index.ts';
import { bundledModel, goldenFolder } from '../helpers/golden.ts';
import { copyTinyModel, labError, makeFolder } from '../helpers/model-folder.ts';
import { assemble, exampleHeader, packBytes } from '../helpers/pack-file.ts';

const tiny = join(goldenFolder, 'tiny');
const folders = readdirSync(tiny).map((name) => join(tiny, name));
const files = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.gguf'))
    .map((name) => join(folder, name)),
);
/** The one graph among the golden ones whose weights have names. */
const graphs = [join(goldenFolder, 'exports', 'qwen3-transformersjs-q4')];

/** The source read back from a pack that holds its description and made-up records. */
async function packed(source: ModelSource): Promise<ModelSource> {
  const { header, records } = exampleHeader(source);
  const path = join(makeFolder(), 'model.retortpack');
  writeFileSync(path, assemble(header.records.offset, records, encodeHeader(header)));
  return readModelSource(path);
}

const facts = (source: ModelSource) => ({
  name: source.name,
  architecture: source.architecture,
  metadata: source.metadata,
  tokenizer: source.tokenizer,
  templates: source.templates,
  special: source.special,
  generation: source.generation,
});

/** Everything of a resolved model but where its weights lie. */
function resolved(source: ModelSource) {
  const { spec, weights } = resolveModel(source);
  const refs = [...weights].map(([name, { source: from, shape, transposed, rows }]) => {
    const stored = from.kind === 'tensor' ? from.tensor : from.matrix;
    const type = 'type' in stored ? stored.type : stored.layout;
    return { name, shape, transposed, rows, stored: stored.name, type };
  });
  return { spec, refs };
}

describe('a pack describes the model it was made of', () => {
  test('there are models of every kind to look at', () => {
    expect(folders.length).toBeGreaterThan(15);
    expect(files.length).toBeGreaterThan(10);
  });

  test.each(
    [...folders, ...files, ...graphs, bundledModel].map((path) => [
      path.split('/').slice(-2).join('/'),
      path,
    ]),
  )('%s', async (_, path) => {
    const source = await readModelSource(path);
    const pack = await packed(source);
    expect(pack.format).toBe('pack');
    expect(facts(pack)).toEqual(facts(source));
    expect([...pack.tensors.values()]).toEqual(
      [...source.tensors.values()].map((tensor) => ({ ...tensor, file: -1, offset: 0 })),
    );
    expect([...pack.matrices.keys()]).toEqual([...source.matrices.keys()]);
    expect(resolved(pack)).toEqual(resolved(source));
  });

  test('with what Python writes into config.json and JSON has no word for', async () => {
    const folder = copyTinyModel('llama');
    const config = join(folder, 'config.json');
    const { default: plain } = (await import(config, { with: { type: 'json' } })) as { default: object };
    const text = JSON.stringify({ ...plain, extra: { big: 1, small: 2, zero: 3, __own: 4 } });
    writeFileSync(
      config,
      text
        .replace('"big":1', '"big":Infinity')
        .replace('"small":2', '"small":-Infinity')
        .replace('"zero":3', '"zero":-0')
        .replace('__own', '__proto__'),
    );
    const source = await readModelSource(folder);
    const pack = await packed(source);
    const extraOf = ({ metadata }: ModelSource) =>
      metadata.kind === 'huggingface' ? (metadata.config['extra'] as Record<string, number>) : {};
    expect(Object.entries(extraOf(pack))).toEqual([
      ['big', Infinity],
      ['small', -Infinity],
      ['zero', -0],
      ['__proto__', 4],
    ]);
    expect(facts(pack)).toEqual(facts(source));
  });
});

test.each<[string, GgufValue]>([
  ['text', 'a "quoted"\n\u0000 text'],
  ['a number', 0.1],
  ['no number', NaN],
  ['infinity', -Infinity],
  ['minus zero', -0],
  ['a flag', false],
  ['a large integer', 2n ** 63n],
  ['a negative large integer', -(2n ** 63n)],
  ['texts', ['a', '\ud800', '']],
  ['flags', [true, false]],
  ['nothing', []],
  ['large integers', [1n, -(2n ** 60n)]],
  ['bytes', Uint8Array.of(1, 255)],
  ['signed bytes', Int8Array.of(-1)],
  ['16 bits', Uint16Array.of(65535)],
  ['16 signed bits', Int16Array.of(-2)],
  ['32 bits', Uint32Array.of(2 ** 32 - 1)],
  ['32 signed bits', Int32Array.of(-3)],
  ['floats', Float32Array.of(NaN, Infinity, -0, 0.5)],
  ['doubles', Float64Array.of(0.1)],
  ['no doubles', new Float64Array(0)],
])('%s of metadata comes back as it was', async (_, value) => {
  const source = await readModelSource(join(tiny, 'llama', 'model-f32.gguf'));
  if (source.metadata.kind !== 'gguf') throw new Error('not GGUF metadata');
  const values = new Map([...source.metadata.values, ['own.value', value]]);
  const pack = await packed({ ...source, metadata: { kind: 'gguf', values } });
  if (pack.metadata.kind !== 'gguf') throw new Error('not GGUF metadata');
  expect(pack.metadata.values.get('own.value')).toEqual(value);
  expect(restoreValue(storeValue(value))).toEqual(value);
});

describe('a pack', () => {
  const source = () => readModelSource(join(tiny, 'llama', 'model-q8_0.gguf'));
  async function write(name = 'model.retortpack'): Promise<string> {
    const path = join(makeFolder(), name);
    writeFileSync(path, packBytes(await source()));
    return path;
  }

  test('is known by its content, and says where its matrices lie', async () => {
    const path = await write('weights.bin');
    const { pack, files: own, ...read } = await readModelSource(path);
    expect(read).toMatchObject({ format: 'pack', path, name: (await source()).name, graphs: [] });
    expect(own.map(({ name }) => name)).toEqual(['weights.bin']);
    expect(pack!.origin).toEqual({
      identity: 'ab'.repeat(32),
      name: read.name,
      format: 'gguf',
    });
    expect([...pack!.records.offsets]).toEqual([4096, 5184, 5760, 8192]);
    expect([...pack!.records.bytes]).toEqual([1088, 544, 416, 70_000]);
    expect(pack!.matrices.get('first.weight')).toMatchObject({
      rows: 20,
      columns: 64,
      tiles: [
        { record: 0, offset: 0, groups: 2 },
        { record: 1, offset: 0, groups: 1 },
      ],
    });
    expect(pack!.matrices.get('second.weight')!.columnOrder).toBe('order');
    expect(pack!.vectors.get('norm.weight')).toEqual({ type: 'f32', count: 17_500, record: 3, offset: 0 });
  });

  test('is identified by its header, and its saved sessions by the model it was made of', async () => {
    const [first, second] = [await readPack(await write()), await readPack(await write('other'))];
    expect(await modelIdentity(first)).toBe(await modelIdentity(second));
    expect(await weightsIdentity(first)).toBe('ab'.repeat(32));
    const own = await source();
    expect(await modelIdentity(first)).not.toBe(await modelIdentity(own));
    expect(await weightsIdentity(own)).toBe(await modelIdentity(own));
    const path = join(makeFolder(), 'p');
    writeFileSync(path, packBytes(own, ({ records }) => { records.crc[0] = 1; })); // prettier-ignore
    expect(await modelIdentity(await readPack(path))).not.toBe(await modelIdentity(first));
  });

  test('is inspected like its model', async () => {
    const path = await write();
    const summary = await inspect(path);
    const {
      files: _files,
      bytes: _bytes,
      identity,
      format,
      ...own
    } = await inspect(join(tiny, 'llama', 'model-q8_0.gguf'));
    expect(summary).toMatchObject({
      ...own,
      format: 'pack',
      packOf: { name: own.name, format, identity: 'ab'.repeat(32) },
      tensors: summary.tensors,
    });
    const file = basename(path);
    // Of the pack itself: its model's tensors lie in no file.
    expect(summary.tensors).toEqual([
      { name: 'first.weight', type: 'q8_0×8', shape: [20, 64], file, offset: 4096, bytes: 1632 },
      { name: 'second.weight', type: 'nbits4×8', shape: [8, 40], file, offset: 5760, bytes: 240 },
      { name: 'order', type: 'I32', shape: [40], file, offset: 6016, bytes: 160 },
      { name: 'norm.weight', type: 'F32', shape: [17_500], file, offset: 8192, bytes: 70_000 },
    ]);
    expect(summary.identity).not.toBe(identity);
    expect(summary.files.map(({ name }) => name)).toEqual([basename(path)]);
  });

  test('with a field of its origin that is no longer written is read', async () => {
    const path = join(makeFolder(), 'p');
    writeFileSync(path, packBytes(await source(), (header) => { header.source['sha256'] = null; })); // prettier-ignore
    const { origin } = (await readPack(path)).pack!;
    expect(Object.keys(origin)).toEqual(['identity', 'name', 'format']);
  });

  test('has no tensor that could be read', async () => {
    const pack = await readPack(await write());
    const [tensor] = pack.tensors.values();
    expect(await labError(readWeightBytes(pack, tensor!))).toMatchObject({ code: 'bad-file' });
  });
});

test('the checksum of headers is the one of the addon', () => {
  const addon = nativeAddon();
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff);
    expect(crc32c(bytes)).toBe(addon.crc32c(bytes, 0));
  }
});
