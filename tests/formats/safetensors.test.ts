import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openModelFile } from '../../electron/formats/model-file.ts';
import { readSafetensorsFolder } from '../../electron/formats/safetensors/folder.ts';
import { readSafetensorsHeader } from '../../electron/formats/safetensors/header.ts';
import { encodeHeader, writeSafetensors, writeTensors } from '../../electron/formats/safetensors/write.ts';
import { toLabError } from '../../electron/contract/errors.ts';
import { goldenFolder } from '../helpers/golden.ts';
import { labError, makeFolder, safetensorsBytes } from '../helpers/model-folder.ts';

async function readHeader(folder: string, name = 'model.safetensors') {
  const file = await openModelFile(folder, name);
  try {
    return await readSafetensorsHeader(file, 3);
  } finally {
    await file.close();
  }
}

const tinyCases = readdirSync(join(goldenFolder, 'tiny'));
const f32 = (begin: number, end: number, shape: number[]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('reading', () => {
  test.each(tinyCases)('%s has the tensors that JSON.parse finds', async (name) => {
    const bytes = readFileSync(join(goldenFolder, 'tiny', name, 'model.safetensors'));
    const length = Number(bytes.readBigUInt64LE());
    const json = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    const { tensors, metadata, headerBytes } = await readHeader(join(goldenFolder, 'tiny', name));
    expect(headerBytes).toBe(8 + length);
    expect(Object.fromEntries(metadata)).toEqual(json['__metadata__']);
    delete json['__metadata__'];
    const expected = Object.entries(json).map(
      ([
        tensor,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => [
        tensor,
        { name: tensor, type: dtype, shape, file: 3, offset: headerBytes + begin, bytes: end - begin },
      ],
    );
    expect(Object.fromEntries(tensors)).toEqual(Object.fromEntries(expected));
  });

  test('escaped names, space around everything and unknown fields are read', async () => {
    const json =
      ' { "a\\u0062\\"" : {"note": [{"x": 1.5e3}, null], "shape" : [ 2 ], "dtype":"F32", "data_offsets":[0 , 8]} } \n ';
    const folder = makeFolder({ 'model.safetensors': safetensorsBytes(json.trimStart(), 8) });
    expect([...(await readHeader(folder)).tensors.keys()]).toEqual(['ab"']);
  });

  test('shards are joined, each tensor in the file that holds it', async () => {
    const folder = makeFolder({
      'one.safetensors': safetensorsBytes({ a: f32(0, 4, [1]) }, 4),
      'two.safetensors': safetensorsBytes({ b: f32(0, 8, [2]), unused: f32(8, 12, [1]) }, 12),
      'model.safetensors.index.json': {
        metadata: {},
        weight_map: { b: 'two.safetensors', a: 'one.safetensors' },
      },
    });
    const { tensors, files } = await readSafetensorsFolder(folder, 5);
    expect(files.map(({ name }) => name)).toEqual([
      'model.safetensors.index.json',
      'one.safetensors',
      'two.safetensors',
    ]);
    expect([...tensors.values()].map(({ name, file }) => [name, file])).toEqual([['b', 7], ['a', 6]]); // prettier-ignore
  });

  test('the only safetensors file of a folder may have any name', async () => {
    const folder = makeFolder({
      'gptq_model-4bit-128g.safetensors': safetensorsBytes({ a: f32(0, 4, [1]) }, 4),
    });
    expect((await readSafetensorsFolder(folder, 0)).tensors.has('a')).toBe(true);
  });

  test('several files without an index are refused and named', async () => {
    const part = safetensorsBytes({ a: f32(0, 4, [1]) }, 4);
    const folder = makeFolder({ 'a.safetensors': part, 'b.safetensors': part });
    const error = await labError(readSafetensorsFolder(folder, 0));
    expect(error).toMatchObject({ code: 'bad-file', detail: { file: 'model.safetensors.index.json' } });
    expect(error.message).toContain('a.safetensors, b.safetensors');
  });
});

describe('writing', () => {
  const tensors = [
    { name: 'logits', type: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, -0.5) },
    { name: 'router.0.topk', type: 'I32', shape: [2, 1], data: Int32Array.of(7, -1) },
    { name: '__proto__', type: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) },
    { name: 'empty', type: 'F32', shape: [0, 4], data: new Float32Array() },
    { name: 'one', type: 'F32', shape: [], data: Float32Array.of(9) },
  ] as const;

  test('what was written is read again, aligned to 8 bytes, with its metadata', async () => {
    const folder = makeFolder();
    const path = join(folder, 'out.safetensors');
    const bytes = await writeSafetensors(path, tensors, { format: 'pt' });
    expect(bytes).toBe(statSync(path).size);
    const { tensors: read, metadata, headerBytes } = await readHeader(folder, 'out.safetensors');
    expect(headerBytes % 8).toBe(0);
    expect([...metadata]).toEqual([['format', 'pt']]);
    const data = readFileSync(path);
    for (const { name, type, shape, data: expected } of tensors) {
      const tensor = read.get(name)!;
      expect(tensor).toMatchObject({ name, type, shape, bytes: expected.byteLength });
      const stored = data.subarray(tensor.offset, tensor.offset + tensor.bytes);
      expect(stored.equals(new Uint8Array(expected.buffer))).toBe(true);
    }
    expect(readdirSync(folder)).toEqual(['out.safetensors']);
  });

  test('an existing file is replaced only by a whole one', async () => {
    const folder = makeFolder({ 'out.safetensors': 'old' });
    const path = join(folder, 'out.safetensors');
    const wrong = { name: 'b', type: 'F32', shape: [3], data: Float32Array.of(1, 2) } as const;
    expect((await labError(writeSafetensors(path, [tensors[0], wrong]))).code).toBe('bad-request');
    expect((await labError(writeSafetensors(path, [tensors[0], tensors[0]]))).code).toBe('bad-request');
    expect(readFileSync(path, 'utf8')).toBe('old');
    await writeSafetensors(path, tensors);
    expect((await readHeader(folder, 'out.safetensors')).tensors.size).toBe(5);
    expect(readdirSync(folder)).toEqual(['out.safetensors']);
  });

  test('a missing folder and a folder in the way are coded, nothing is left behind', async () => {
    const folder = makeFolder({ 'taken/file': '' });
    const missing = await labError(writeSafetensors(join(folder, 'absent/out.safetensors'), tensors));
    expect(missing).toMatchObject({ code: 'not-found', detail: { file: 'out.safetensors' } });
    expect((await labError(writeSafetensors(join(folder, 'taken'), tensors))).code).toBe('file-unreadable');
    expect(readdirSync(folder)).toEqual(['taken']);
  });

  test.runIf(existsSync('/dev/full'))('a full disk is coded disk-full', async () => {
    const handle = await open('/dev/full', 'w');
    try {
      const error = await writeTensors(handle, encodeHeader(tensors, {}), tensors).catch(toLabError);
      expect(error).toMatchObject({ code: 'disk-full' });
    } finally {
      await handle.close();
    }
  });

  test('tensors beyond 2 GiB are written and placed', { timeout: 120_000 }, async () => {
    // /dev/null takes the bytes; the header must still place every tensor.
    const elements = (1 << 29) + 1;
    const large = {
      name: 'large',
      type: 'F32',
      shape: [elements],
      data: new Float32Array(elements),
    } as const;
    const header = encodeHeader([large, tensors[1]], {});
    expect(header.toString('utf8', 8)).toContain(`[${4 * elements},${4 * elements + 8}]`);
    const handle = await open('/dev/null', 'w');
    try {
      expect(await writeTensors(handle, header, [large, tensors[1]])).toBe(header.length + 4 * elements + 8);
    } finally {
      await handle.close();
    }
  });
});
