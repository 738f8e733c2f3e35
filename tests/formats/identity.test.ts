import { cpSync, readFileSync, readdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { modelIdentity } from '../../electron/formats/identity.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { writeSafetensors } from '../../electron/formats/safetensors/write.ts';
import { goldenFolder } from '../helpers/golden.ts';
import { copyTinyModel, labError, makeFolder } from '../helpers/model-folder.ts';

const identityOf = async (path: string) => modelIdentity(await readModelSource(path));
const tinyCases = readdirSync(join(goldenFolder, 'tiny'));

/** Data of 4 MiB, so that 64 blocks of 4 KiB are a sample. */
async function largeModel() {
  const folder = copyTinyModel('llama');
  const data = Float32Array.from({ length: 1 << 20 }, (_, i) => i);
  await writeSafetensors(join(folder, 'model.safetensors'), [
    { name: 'w', type: 'F32', shape: [1 << 20], data },
  ]);
  const source = await readModelSource(folder);
  const { offset } = source.tensors.get('w')!;
  const flip = (at: number) => {
    const path = join(folder, 'model.safetensors');
    const bytes = readFileSync(path);
    bytes[offset + at]! ^= 1;
    writeFileSync(path, bytes);
  };
  return { folder, flip, dataBytes: data.byteLength };
}

describe('model identity', () => {
  test('every tiny model and export has its own, 64 hexadecimal digits', async () => {
    const folders = ['tiny', 'exports'].flatMap((group) =>
      readdirSync(join(goldenFolder, group), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(goldenFolder, group, entry.name)),
    );
    const identities = [];
    for (const folder of folders) identities.push(await identityOf(folder));
    expect(new Set(identities).size).toBe(folders.length);
    expect(folders.length).toBeGreaterThan(tinyCases.length);
    for (const identity of identities) expect(identity).toMatch(/^[0-9a-f]{64}$/);
  });

  test('a folder keeps it when it moves, a file when it is renamed or opened alone', async () => {
    const folder = copyTinyModel('qwen3');
    const before = await identityOf(folder);
    const elsewhere = join(makeFolder(), 'another name');
    cpSync(folder, elsewhere, { recursive: true });
    expect(await identityOf(elsewhere)).toBe(before);
    const gguf = join(makeFolder(), 'a.gguf');
    cpSync(join(goldenFolder, 'tiny/llama/model-f32.gguf'), gguf);
    const first = await identityOf(gguf);
    renameSync(gguf, gguf.replace('a.gguf', 'z.gguf'));
    expect(await identityOf(gguf.replace('a.gguf', 'z.gguf'))).toBe(first);
  });

  test('it follows the documented recipe', async () => {
    const gguf = join(goldenFolder, 'tiny/llama/model-f32.gguf');
    const source = await readModelSource(gguf);
    const [file] = source.files;
    const bytes = readFileSync(gguf);
    const hash = createHash('sha256').update('retort model identity 1\n');
    for (const name of [...source.tensors.keys()].sort()) {
      const tensor = source.tensors.get(name)!;
      hash.update(`${JSON.stringify([name, tensor.type, tensor.shape, 0, tensor.offset, tensor.bytes])}\n`);
    }
    hash.update(`file ${file!.bytes} ${file!.headerBytes}\n`).update(bytes.subarray(0, file!.headerBytes));
    const data = bytes.subarray(file!.headerBytes);
    if (data.length <= 64 * 4096) hash.update(data);
    for (let block = 0; block < 64 && data.length > 64 * 4096; block++) {
      const at = Math.floor((block * (data.length - 4096)) / 63);
      hash.update(data.subarray(at, at + 4096));
    }
    expect(await identityOf(gguf)).toBe(hash.digest('hex'));
  });

  test('a changed header, configuration, first, sampled or last byte changes it; between the samples it does not', async () => {
    const { folder, flip, dataBytes } = await largeModel();
    const before = await identityOf(folder);
    for (const at of [0, Math.floor((7 * (dataBytes - 4096)) / 63) + 100, dataBytes - 1]) {
      flip(at);
      expect(await identityOf(folder)).not.toBe(before);
      flip(at);
    }
    flip(5000);
    expect(await identityOf(folder)).toBe(before);
    const config = join(folder, 'config.json');
    writeFileSync(config, readFileSync(config, 'utf8') + '\n');
    expect(await identityOf(folder)).not.toBe(before);
  });

  test('a file that shrank since it was opened is refused', async () => {
    const { folder } = await largeModel();
    const source = await readModelSource(folder);
    truncateSync(join(folder, 'model.safetensors'), 1000);
    const error = await labError(modelIdentity(source));
    expect(error).toMatchObject({ code: 'bad-file', detail: { file: 'model.safetensors' } });
  });
});
