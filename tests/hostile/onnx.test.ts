/** F3 of docs/reliability.md: ONNX folders that try to leave their folder, to hang, or to ask for what is not there. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, renameSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openExportedDecoder } from '../../electron/engine/onnx/exported/open.ts';
import { readOnnxFolder } from '../../electron/formats/onnx/read-folder.ts';
import {
  AttributeType,
  DataType,
  encodeModel,
  type GraphInit,
} from '../../electron/formats/onnx/protobuf.ts';
import { labError, makeFolder, writeFiles } from '../helpers/model-folder.ts';
import {
  config,
  dataName,
  decoderGraph,
  encodeGraph,
  externalTensor,
  goodFiles,
  head,
  headBytes,
  headData,
  ifNode,
  lengthDelimited,
  nestedIf,
  rawGraph,
  value,
  vocabulary,
  width,
  withHead,
  withNodes,
} from '../helpers/onnx-folder.ts';

const onnx = 'model.onnx';
const options = { arithmetic: 'reference', device: 'cpu', threads: 1 } as const;

interface Hostile {
  readonly title: string;
  /** Writes into an empty folder; `outside` is a folder beside it that holds `secret`. */
  readonly build: (folder: string, outside: string) => void;
  readonly code: string;
  readonly message: string;
  readonly file?: string;
  readonly field?: string;
}

const model = (graph: GraphInit) => (folder: string) =>
  writeFiles(folder, { ...goodFiles, [onnx]: encodeGraph(graph) });
const located = (location: string) => model(withHead(head({ location })));
/** A good model whose data file is what `make` puts there. */
const data = (make: (path: string, outside: string) => void) => (folder: string, outside: string) => {
  writeFiles(folder, { 'config.json': config, [onnx]: goodFiles[onnx] });
  make(join(folder, dataName), outside);
};
const bytes = (file: Uint8Array) => (folder: string) =>
  writeFiles(folder, { 'config.json': config, [onnx]: file });

const leavesFolder = { code: 'outside-folder', field: 'head' };
const escapes: Hostile[] = [
  { title: 'a parent folder', build: located('../../etc/passwd'), message: 'leaves the folder', ...leavesFolder },
  { title: 'a parent inside the path', build: located('a/../../outside/secret'), message: 'leaves the folder', ...leavesFolder },
  { title: 'an absolute path', build: located('/etc/passwd'), message: 'absolute', ...leavesFolder },
  { title: 'a drive', build: located('C:\\Windows\\win.ini'), message: 'backslash', ...leavesFolder },
  { title: 'a drive with slashes', build: located('C:/Windows/win.ini'), message: 'absolute', ...leavesFolder },
  { title: 'a network share', build: located('\\\\server\\share\\file'), message: 'backslash', ...leavesFolder },
  { title: 'a URL', build: located('file:///etc/passwd'), message: 'absolute', ...leavesFolder },
  { title: 'encoded dots', build: located('%2e%2e/%2e%2e/etc/passwd'), message: 'encoded', ...leavesFolder },
  { title: 'a NUL byte', build: located(`${dataName}\0/../../etc/passwd`), message: 'NUL', ...leavesFolder },
  { title: 'no name', build: located(''), message: 'empty', ...leavesFolder },
  { title: 'a name that is not UTF-8', build: located('\ufffd'), message: 'UTF-8', ...leavesFolder },
  { title: 'a forged address in memory', build: located('*/_ORT_MEM_ADDR_/*'), message: 'claims to be memory', ...leavesFolder },
  { title: 'a link out of the folder', build: data((path, outside) => symlinkSync(join(outside, 'secret'), path)), code: 'outside-folder', message: 'link leads outside', file: dataName },
  { title: 'a link through a folder', build: (folder, outside) => {
      located('sub/secret')(folder);
      symlinkSync(outside, join(folder, 'sub'));
    }, code: 'outside-folder', message: 'link leads outside', file: 'sub/secret' },
  { title: 'a hard link', build: data((path, outside) => linkSync(join(outside, 'secret'), path)), code: 'outside-folder', message: 'hard link', file: dataName },
  { title: 'a FIFO', build: data((path) => execFileSync('mkfifo', [path])), code: 'bad-file', message: 'not a regular file', file: dataName },
  { title: 'a link to /dev/zero', build: data((path) => symlinkSync('/dev/zero', path)), code: 'outside-folder', message: 'link leads outside', file: dataName },
  { title: 'a folder', build: data((path) => mkdirSync(path)), code: 'bad-file', message: 'not a regular file', file: dataName },
  { title: 'a missing file', build: data(() => undefined), code: 'not-found', message: 'does not exist', file: dataName },
  { title: 'the tensor of an attribute', build: model(withNodes({
      opType: 'Constant', name: 'constant', output: ['unused'],
      attribute: [{ name: 'value', type: AttributeType.TENSOR, t: externalTensor('inner', [['location', '/etc/passwd']], [4]) }],
    })), code: 'outside-folder', message: 'absolute', field: 'inner' },
  { title: 'the initializer of a branch', build: model(withNodes(ifNode({
      name: 'then', initializer: [externalTensor('inner', [['location', '../secret']], [4])],
    }))), code: 'outside-folder', message: 'leaves the folder', field: 'inner' },
]; // prettier-ignore

const badHead = { code: 'bad-file', field: 'head' };
const changedHead = (changes: Record<string, string>, dims?: readonly (number | bigint)[]) =>
  model(withHead(head(changes, dims)));
const ranges: Hostile[] = [
  { title: 'a negative offset', build: changedHead({ offset: '-4' }), message: 'no byte count', ...badHead },
  { title: 'a negative length', build: changedHead({ length: '-128' }), message: 'no byte count', ...badHead },
  { title: 'an offset past the end', build: changedHead({ offset: '4096' }), message: `its data ends at ${4096 + headBytes}`, ...badHead },
  { title: 'a last byte past the end', build: changedHead({ offset: '1' }), message: `its data ends at ${headBytes + 1}`, ...badHead },
  { title: 'an offset that wraps 64 bits', build: changedHead({ offset: '18446744073709551488' }), message: 'no byte count', ...badHead },
  { title: 'an offset of 2^53', build: changedHead({ offset: '9007199254740992' }), message: 'no byte count', ...badHead },
  { title: 'a length in hexadecimal', build: changedHead({ length: '0x80' }), message: 'no byte count', ...badHead },
  { title: 'a length that does not fit the shape', build: changedHead({ length: '124' }), message: 'the shape needs 128', ...badHead },
  { title: 'a key twice', build: model(withHead(externalTensor('head', [['location', dataName], ['location', '/etc/passwd']]))), message: 'occurs twice', ...badHead },
  { title: 'a key of onnxruntime’s own', build: changedHead({ prepacked_0: 'x|0|1' }), message: '"prepacked_0" is unknown', ...badHead },
  { title: 'no location', build: model(withHead(externalTensor('head', [['offset', '0']]))), message: 'without a location', ...badHead },
  { title: 'sizes of 2^31 that wrap 64 bits', build: changedHead({}, [2 ** 31, 2 ** 31, 2 ** 31]), message: 'too large', ...badHead },
  { title: 'a size of 2^31', build: changedHead({}, [2 ** 31]), message: 'the shape needs 8589934592', ...badHead },
  { title: 'a size of 2^62', build: changedHead({}, [2n ** 62n]), message: 'too large', ...badHead },
  { title: 'a negative size', build: changedHead({}, [-4, -8]), message: 'negative size -4', ...badHead },
  { title: 'data inside that is too short', build: model(withHead({ name: 'head', dataType: DataType.FLOAT, dims: [4n, 8n], rawData: new Uint8Array(8) })), message: 'has 8 bytes, the shape needs 128', ...badHead },
  { title: 'no data at all', build: model(withHead({ name: 'head', dataType: DataType.FLOAT, dims: [4n, 8n] })), message: 'no data', ...badHead },
  { title: 'an unknown element type', build: model(withHead({ name: 'head', dataType: 99, dims: [1n], rawData: new Uint8Array(4) })), code: 'unsupported-type', message: 'element type 99', field: 'head' },
]; // prettier-ignore

const relu = (input: string, output: string, name = output) => ({
  opType: 'Relu',
  name,
  input: [input],
  output: [output],
});
const structures: Hostile[] = [
  { title: 'an operator of an unknown domain', build: model(withNodes({ opType: 'Backdoor', domain: 'evil.operators', input: ['rows'], output: ['x'] })), code: 'unsupported-operator', message: 'evil.operators:Backdoor' },
  { title: 'an unknown domain inside a branch', build: model(withNodes(ifNode({ name: 'then', node: [{ opType: 'Backdoor', domain: 'evil.operators' }] }))), code: 'unsupported-operator', message: 'evil.operators:Backdoor' },
  { title: 'a cycle', build: model(withNodes(relu('b', 'a'), relu('a', 'b'))), code: 'bad-file', message: 'a cycle, or nodes out of order', field: 'a' },
  { title: 'a node that feeds itself', build: model(withNodes(relu('a', 'a'))), code: 'bad-file', message: 'a cycle', field: 'a' },
  { title: 'a value made twice', build: model(withNodes(relu('rows', 'logits'))), code: 'bad-file', message: 'made twice', field: 'logits' },
  { title: 'an output that nothing makes', build: model({ ...decoderGraph, output: [value('nothing', DataType.FLOAT, [1])] }), code: 'bad-file', message: 'nothing makes this', field: 'nothing' },
  { title: 'an initializer twice', build: model({ ...decoderGraph, initializer: [head(), head()] }), code: 'bad-file', message: 'occurs twice', field: 'head' },
  { title: 'If nested 100 deep', build: model(withNodes(nestedIf(100))), code: 'bad-file', message: 'nested deeper' },
  { title: 'If nested 5,000 deep', build: (folder) => {
      let graph: Buffer = Buffer.alloc(0);
      for (let i = 0; i < 5000; i++) graph = lengthDelimited(1, lengthDelimited(5, lengthDelimited(6, graph)));
      bytes(rawGraph(graph))(folder);
    }, code: 'bad-file', message: 'nested deeper' },
  { title: 'a function', build: (folder) => bytes(encodeGraph(decoderGraph, { functions: [{ name: 'f', domain: 'evil.operators' }] }))(folder), code: 'unsupported-feature', message: 'functions' },
  { title: 'a second graph', build: bytes(Buffer.concat([rawGraph(Buffer.alloc(0)), rawGraph(Buffer.alloc(0))])), code: 'bad-file', message: 'a second graph' },
  { title: 'no graph', build: bytes(encodeModel({ irVersion: 10n })), code: 'bad-file', message: 'no ONNX model' },
  { title: 'an empty file', build: bytes(Buffer.alloc(0)), code: 'bad-file', message: 'no ONNX model' },
  { title: 'an HTML page', build: bytes(Buffer.from('<!DOCTYPE html>')), code: 'bad-file', message: 'offset 1' },
  { title: 'a length past the end', build: bytes(Buffer.from([0x3a, 0xff, 0xff, 0xff, 0x7f, 0])), code: 'bad-file', message: 'past the end' },
  { title: 'a length of 11 bytes', build: bytes(Buffer.from([0x3a, ...Array<number>(11).fill(0xff)])), code: 'bad-file', message: 'more than 10 bytes' },
  { title: 'a model cut short', build: (folder) => {
      writeFiles(folder, goodFiles);
      truncateSync(join(folder, onnx), goodFiles[onnx].length - 5);
    }, code: 'bad-file', message: 'past the end' },
  { title: 'a file over 2 GiB', build: (folder) => {
      writeFiles(folder, goodFiles);
      truncateSync(join(folder, onnx), 2 ** 31);
    }, code: 'bad-file', message: 'at most 2 GiB' },
  { title: 'a packed matrix that does not fit its node', build: model(withNodes({
      opType: 'MatMulNBits', domain: 'com.microsoft', name: 'packed', input: ['rows', 'embedding', 'embedding'], output: ['x'],
      attribute: [['N', 8], ['K', 4], ['block_size', 32]].map(([name, i]) => ({ name: String(name), type: AttributeType.INT, i: BigInt(i ?? 0) })),
    })), code: 'bad-file', message: 'do not fit 8 × 4', field: 'packed' },
]; // prettier-ignore

/** A folder for the model and one beside it that no file of the model may reach. */
function makePlace(build: Hostile['build']): string {
  const root = makeFolder({ 'outside/secret': headData });
  const folder = join(root, 'model');
  mkdirSync(folder);
  build(folder, join(root, 'outside'));
  return folder;
}

describe('F3: hostile ONNX files', () => {
  test.each([...escapes, ...ranges, ...structures])(
    '$title is refused',
    async ({ build, code, message, file, field }) => {
      const folder = makePlace(build);
      const start = performance.now();
      const error = await labError(readOnnxFolder(folder));
      expect(performance.now() - start).toBeLessThan(5000);
      expect(error.message).toContain(message);
      expect(error.code).toBe(code);
      expect(error.detail.file).toBe(file ?? onnx);
      if (field !== undefined) expect(error.detail.field).toBe(field);
    },
  );

  test.each([
    ['a graph named outside the folder', '../outside/secret', 'outside-folder'],
    ['a graph under an absolute name', '/etc/passwd', 'outside-folder'],
    ['a graph that does not exist', 'other.onnx', 'not-found'],
  ])('genai_config.json with %s is refused', async (_, filename, code) => {
    const folder = makePlace((path) =>
      writeFiles(path, { 'genai_config.json': { model: { type: 'llama', decoder: { filename } } } }),
    );
    expect(await labError(readOnnxFolder(folder))).toMatchObject({ code, detail: { file: filename } });
  });

  test('a fault in the wire format is placed by its offset in the file', async () => {
    const folder = makePlace(bytes(rawGraph(lengthDelimited(1, Buffer.from([0x0a, 0x7f])))));
    const error = await labError(readOnnxFolder(folder));
    // 2 bytes of version, 2 each of graph and node, 2 of the field whose length is wrong.
    expect(error.detail).toEqual({ file: onnx, offset: 8 });
  });
});

describe('F3: what a decoder may not declare', () => {
  const ids = decoderGraph.input ?? [];
  const past = (type: number) => value('past_key_values.0.key', type, ['batch', 2, 'past', 4]);
  const present = (type: number) => value('rows', type, ['batch', 2, 'total', 4]);
  const cases: [title: string, graph: GraphInit, code: string, field: string][] = [
    ['ids that are float', { ...decoderGraph, input: [value('input_ids', DataType.FLOAT, ['b', 's'])] }, 'unsupported-type', 'input_ids'],
    ['an input of another name', { ...decoderGraph, input: [...ids, value('pixels', DataType.FLOAT, [1])] }, 'unsupported-feature', 'pixels'],
    ['no ids', { ...decoderGraph, input: [], initializer: [{ name: 'input_ids', dataType: DataType.INT64, dims: [1n], rawData: new Uint8Array(8) }, ...(decoderGraph.initializer ?? [])] }, 'unsupported-feature', 'input_ids'],
    ['no logits', { ...decoderGraph, output: [value('rows', DataType.FLOAT, ['b', 's', width])] }, 'unsupported-feature', 'logits'],
    ['logits that are integers', { ...decoderGraph, output: [value('logits', DataType.INT32, ['b', 's', vocabulary])] }, 'unsupported-type', 'logits'],
    ['a cache of integers', { ...decoderGraph, input: [...ids, past(DataType.INT8)], output: [...(decoderGraph.output ?? []), present(DataType.INT8)] }, 'unsupported-feature', 'present.0.key'],
    ['a cache that never comes back', { ...decoderGraph, input: [...ids, past(DataType.FLOAT)] }, 'unsupported-feature', 'present.0.key'],
  ]; // prettier-ignore
  test.each(cases)('%s is refused before loading', async (_, graph, code, field) => {
    const source = await readOnnxFolder(makePlace(model(graph)));
    const error = await labError(openExportedDecoder(source, options));
    expect(error).toMatchObject({ code, detail: { file: onnx, field } });
  });

  test('an operator that onnxruntime does not have is named', async () => {
    const source = await readOnnxFolder(
      makePlace(
        model(withNodes({ opType: 'Nonsense', domain: 'com.microsoft', input: ['rows'], output: ['x'] })),
      ),
    );
    expect(await labError(openExportedDecoder(source, options))).toMatchObject({
      code: 'unsupported-operator',
      detail: { operator: 'com.microsoft:Nonsense' },
    });
  });

  test('a graph whose types do not fit together is refused with the model’s name and no path', async () => {
    const broken = withNodes({ opType: 'And', name: 'and', input: ['rows', 'rows'], output: ['x'] });
    const folder = makePlace(model(broken));
    const error = await labError(openExportedDecoder(await readOnnxFolder(folder), options));
    expect(error).toMatchObject({ code: 'bad-file', detail: { file: onnx } });
    expect(error.message).not.toContain(folder);
  });
});

/** As the Hugging Face cache lays it out: names in the snapshot are links to blobs. */
function makeSnapshot(files: Readonly<Record<string, string | Uint8Array | object>>): string {
  const root = makeFolder();
  const snapshot = join(root, 'models--a--b/snapshots/0123');
  mkdirSync(join(root, 'models--a--b/blobs'), { recursive: true });
  writeFiles(snapshot, files);
  Object.keys(files).forEach((name, i) => {
    const up = name.includes('/') ? '../../../blobs' : '../../blobs';
    renameSync(join(snapshot, name), join(root, `models--a--b/blobs/${i}`));
    symlinkSync(`${up}/${i}`, join(snapshot, name));
  });
  return snapshot;
}

describe('F3: what must work', () => {
  test('a good folder is read and computes', async () => {
    const source = await readOnnxFolder(makePlace((folder) => writeFiles(folder, goodFiles)));
    expect(await firstLogits(source)).toEqual(expectedLogits(3));
  });

  test('a Hugging Face cache of links is read and computes', async () => {
    const folder = makeSnapshot({
      'config.json': config,
      'onnx/model.onnx': goodFiles[onnx],
      [`onnx/${dataName}`]: headData,
    });
    const source = await readOnnxFolder(folder);
    expect(source.files.map((file) => file.name)).toEqual([
      'config.json',
      'onnx/model.onnx',
      `onnx/${dataName}`,
    ]);
    expect(await firstLogits(source)).toEqual(expectedLogits(3));
  });

  test('a link out of a Hugging Face cache is refused', async () => {
    const folder = makeSnapshot({ 'config.json': config, [onnx]: goodFiles[onnx] });
    symlinkSync('/etc/passwd', join(folder, dataName));
    const error = await labError(readOnnxFolder(folder));
    expect(error).toMatchObject({ code: 'outside-folder', detail: { file: dataName } });
  });

  async function firstLogits(source: Awaited<ReturnType<typeof readOnnxFolder>>): Promise<number[]> {
    const engine = await openExportedDecoder(source, options);
    try {
      const session = await engine.createSession({ context: 4 });
      return [...(await session.evaluate({ ids: Int32Array.of(3), rows: 'all' })).logits];
    } finally {
      await engine.close();
    }
  }

  function expectedLogits(id: number): number[] {
    return Array.from({ length: vocabulary }, (_, column) => {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += ((id * width + i) / 8) * (i * vocabulary + column);
      return sum;
    });
  }
});

interface ChildResult {
  readonly outcomes: readonly string[];
  readonly milliseconds: number;
  readonly peakBytes: number;
}
const child = join(import.meta.dirname, 'read-onnx-child.ts');
/** What is live must fit in it: how far garbage runs ahead of a collector that other work keeps waiting says nothing of the reader. */
const heap = ['--max-old-space-size=128', '--max-semi-space-size=4'];

describe('F3: small files that ask for much', () => {
  const empty = (field: number, count: number) =>
    Buffer.alloc(2 * count, lengthDelimited(field, Buffer.alloc(0)));
  const node = (...fields: Uint8Array[]) => lengthDelimited(1, Buffer.concat(fields));
  const attribute = (...fields: Uint8Array[]) => lengthDelimited(5, Buffer.concat(fields));
  const named = (i: number) =>
    lengthDelimited(5, Buffer.from(`\x10\x01\x08\x00\x42\x06${String(i).padStart(6, '0')}`));
  const cases: [title: string, graph: () => Buffer, outcome: string][] = [
    ['ten million empty nodes', () => empty(1, 10_000_000), 'bad-file'],
    ['ten million empty initializers', () => empty(5, 10_000_000), 'bad-file'],
    ['as many nodes as are allowed', () => empty(1, 159_000), 'read'],
    ['as many initializers as are allowed', () => Buffer.concat(Array.from({ length: 79_000 }, (_, i) => named(i))), 'read'],
    ['as many attributes and strings as are allowed', () => Buffer.concat([node(empty(5, 159_000)), node(empty(1, 900_000))]), 'read'],
    ['thirty million packed integers', () => node(attribute(lengthDelimited(8, Buffer.alloc(30_000_000, 1)))), 'bad-file'],
    ['a text of 60 MB', () => node(lengthDelimited(6, Buffer.alloc(60_000_000, 'a'))), 'read'],
  ]; // prettier-ignore
  test.each(cases)('%s', async (_, graph, outcome) => {
    const file = rawGraph(graph());
    const folder = makePlace(bytes(file));
    const { stdout } = await promisify(execFile)(process.execPath, [...heap, child, child, folder], {
      timeout: 30_000,
    });
    const result = JSON.parse(stdout) as ChildResult;
    expect(result.outcomes).toEqual([outcome]);
    expect(result.milliseconds).toBeLessThan(5000);
    expect(result.peakBytes).toBeLessThan(4 * file.length + 256 * 2 ** 20);
  });
});

const hasStrace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

test.skipIf(!hasStrace)('F3 strace: no file outside the folder is opened', async () => {
  const places = escapes.map(({ build }) => makePlace(build));
  const root = makeFolder({ marker: '' });
  const log = join(root, 'trace');
  const command = [process.execPath, child, join(root, 'marker'), ...places];
  const trace = ['-f', '-qq', '-e', 'trace=open,openat,openat2,creat', '-o', log];
  const { stdout } = await promisify(execFile)('strace', [...trace, ...command], { timeout: 60_000 });
  expect((JSON.parse(stdout) as ChildResult).outcomes).toEqual(escapes.map(({ code }) => code));
  const lines = readFileSync(log, 'utf8').split('\n');
  const begin = lines.findIndex((line) => line.includes(join(root, 'marker')));
  expect(begin).toBeGreaterThan(0);
  const opened = lines.slice(begin + 1).flatMap((line) => /"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? []);
  // Node itself looks at its memory limits and closes its output.
  const foreign = opened.filter(
    (path) => !/^\/(proc\/|sys\/|dev\/null$)/.test(path) && !places.some((place) => path.startsWith(place)),
  );
  expect(opened.length).toBeGreaterThan(places.length);
  expect(foreign).toEqual([]);
});
