/** Quantizing onto a disk that has too little room, or has it no more: what is kept is said, and the same call ends in the same bytes when there is room. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { quantizeModel, type QuantizeRequest } from '../../../electron/engine/quantize/quantize-model.ts';
import { filesIn } from '../../helpers/files.ts';
import { labError, makeFolder } from '../../helpers/model-folder.ts';
import { tinyFolder } from '../../helpers/native-engine.ts';
import { quiet } from '../../helpers/packs.ts';
import { mayMount, SmallDisk } from '../../helpers/small-disk.ts';

const request = (out: string, formats: QuantizeRequest['formats']): QuantizeRequest => ({
  ...{ path: tinyFolder('llama'), name: 'llama', recipe: 'q4-g32', out, formats },
  ...{ arithmetic: 'reference', threads: 1, isEstimate: false },
});

async function undisturbed(formats: QuantizeRequest['formats']) {
  const folder = makeFolder();
  await quantizeModel(request(folder, formats), quiet);
  return filesIn(folder);
}

/** Quantizes onto a disk that is full once so many bytes of this phase are done. */
function quantizeOnto(disk: SmallDisk, formats: QuantizeRequest['formats'], phase: string, bytes: number) {
  let isFilled = false;
  const onProgress = (progress: { phase: string; done: number }) => {
    if (isFilled || progress.phase !== phase || progress.done <= bytes) return;
    isFilled = true;
    disk.fill();
  };
  return quantizeModel(request(disk.folder, formats), { ...quiet, onProgress }, { durableBytes: 10_000 });
}

describe.runIf(mayMount)('on a small disk a variant', () => {
  test.each([
    ['as a pack', ['pack']],
    ['as a folder', ['onnx']],
    ['in both formats', ['pack', 'onnx']],
  ] as const)(
    '%s is refused before anything is written, with the bytes that are missing',
    async (_, formats) => {
      const disk = new SmallDisk(128 * 1024);
      const error = await labError(quantizeModel(request(disk.folder, [...formats]), quiet));
      expect(error.code).toBe('disk-full');
      expect(error.message).toContain(
        `${Number(error.detail['missingBytes']).toLocaleString('en')} are missing`,
      );
      expect(readdirSync(disk.folder)).toEqual([]);
    },
  );

  test('as a pack keeps what it has, says so, also where there is still no room, and goes on with it', async () => {
    const disk = new SmallDisk(8 * 2 ** 20);
    const error = await labError(quantizeOnto(disk, ['pack'], 'pack', 80_000));
    expect(error).toMatchObject({ code: 'disk-full', detail: { file: 'llama-q4-g32.retortpack' } });
    expect(error.message).toMatch(
      /kept in \.partial-llama-q4-g32\.retortpack; make room, and the same command goes on/,
    );
    const again = await labError(quantizeModel(request(disk.folder, ['pack']), quiet));
    expect(again.message).toMatch(
      /are missing\. What is packed so far is kept in \.partial-llama-q4-g32\.retortpack\.$/,
    );
    disk.makeRoom();
    const [pack] = (await quantizeModel(request(disk.folder, ['pack']), quiet)).variants;
    expect(pack!.resumedBytes).toBeGreaterThan(50_000);
    expect(filesIn(disk.folder)).toEqual(await undisturbed(['pack']));
  });

  test('as a folder leaves nothing, says so, names the pack that is whole, and is written anew', async () => {
    const disk = new SmallDisk(8 * 2 ** 20);
    const error = await labError(quantizeOnto(disk, ['pack', 'onnx'], 'write the ONNX folder', 0));
    expect(error).toMatchObject({ code: 'disk-full', detail: { file: 'llama-q4-g32' } });
    expect(error.message).toBe(
      'llama-q4-g32: the disk takes no more. Nothing is left of the folder llama-q4-g32; make room, and the same command writes it anew. The pack llama-q4-g32.retortpack is whole.',
    );
    disk.makeRoom();
    expect(readdirSync(disk.folder)).toEqual(['llama-q4-g32.retortpack']);
    await quantizeModel(request(disk.folder, ['pack', 'onnx']), quiet);
    expect(filesIn(disk.folder)).toEqual(await undisturbed(['pack', 'onnx']));
  });

  test('as a folder has the room of what a killed run left of it', async () => {
    // For one folder, not for two.
    const disk = new SmallDisk(6 * 2 ** 20);
    mkdirSync(join(disk.folder, '.partial-llama-q4-g32'));
    writeFileSync(join(disk.folder, '.partial-llama-q4-g32', 'model.onnx.data'), Buffer.alloc(3 * 2 ** 20));
    await quantizeModel(request(disk.folder, ['onnx']), quiet);
    expect(filesIn(disk.folder)).toEqual(await undisturbed(['onnx']));
  });
});
