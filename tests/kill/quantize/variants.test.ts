/** Quantizing that is killed at any change that it makes on disk leaves no half variant that is listed; the same call ends in what it would have been. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quantizeModel, type QuantizeRequest } from '../../../electron/engine/quantize/quantize-model.ts';
import { findModels } from '../../../electron/host/models/model-finder.ts';
import { cli } from '../../helpers/cli.ts';
import { DyingDisk, placesIn } from '../../helpers/dying-disk.ts';
import { filesIn } from '../../helpers/files.ts';
import { makeFolder } from '../../helpers/model-folder.ts';
import { tinyFolder } from '../../helpers/native-engine.ts';
import { quantizeInChild, quiet } from '../../helpers/packs.ts';

/** Every record of a pack is made durable by itself. */
const durableBytes = 1;

let scratch = '';
let disk: DyingDisk;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'retort-test-'));
  disk = new DyingDisk(scratch);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const request = (out: string, formats: QuantizeRequest['formats']): QuantizeRequest => ({
  ...{ path: tinyFolder('llama'), name: 'llama', recipe: 'q4-g32', out, formats },
  ...{ arithmetic: 'reference', threads: 1, isEstimate: false },
});

/** Models that a listing of the folder shows as whole. */
async function listed(folder: string): Promise<number> {
  const { models } = await findModels((finder) => finder.searchFolder(folder, (below) => below.join('/')));
  return models.filter(({ isWhole }) => isWhole).length;
}

/** The folder as it is when nothing happens, and how many changes that takes. */
async function undisturbed(formats: QuantizeRequest['formats'], more = {}) {
  const folder = makeFolder();
  const done = await quantizeInChild(request(folder, formats), durableBytes, {
    ...disk.environment(folder, 0),
    ...more,
  });
  expect(done?.error).toBeUndefined();
  return { whole: filesIn(folder), changes: disk.changes() };
}

describe.runIf(process.platform === 'linux')('killed at any of its changes', () => {
  test.each([
    ['a pack', 6, {}],
    // Only its name is given in another way, at the end.
    ['a pack where files have one name', 1, { DYING_NO_LINKS: '1' }],
  ])(
    '%s is not there or whole, and the same call goes on with it to the same bytes',
    async (_what, spread, more) => {
      const { whole, changes } = await undisturbed(['pack'], more);
      let mostResumed = 0;
      for (const at of placesIn(changes, spread)) {
        const folder = makeFolder();
        const environment = { ...disk.environment(folder, at), ...more };
        expect(await quantizeInChild(request(folder, ['pack']), durableBytes, environment)).toBeNull();
        if ((await listed(folder)) > 0) expect(filesIn(folder)).toMatchObject(whole);
        const { variants } = await quantizeModel(request(folder, ['pack']), quiet);
        expect(filesIn(folder), `killed at ${at} of ${changes}`).toEqual(whole);
        mostResumed = Math.max(mostResumed, variants[0]!.resumedBytes);
      }
      expect(mostResumed).toBeGreaterThan(100_000);
    },
    300_000,
  );

  test('a pack that is killed again and again comes further each time', async () => {
    const { whole } = await undisturbed(['pack']);
    const folder = makeFolder();
    for (let kills = 0; ; kills++) {
      const environment = disk.environment(folder, 12 + 4 * kills);
      const done = await quantizeInChild(request(folder, ['pack']), durableBytes, environment);
      if (done === null) continue;
      expect(kills).toBeGreaterThan(3);
      break;
    }
    expect(filesIn(folder)).toEqual(whole);
  }, 300_000);

  test('the command lists nothing until it is whole, and then each of both once', async () => {
    const args = ['quantize', tinyFolder('llama'), '--recipe', 'q4-g32', '--threads', '1', '--add', '--out'];
    const [home, out] = [makeFolder(), makeFolder()];
    const whole = makeFolder();
    const names = async () => {
      const { stdout } = await cli(['models', 'list', '--json'], { home });
      const { models } = JSON.parse(stdout) as { models: { name: string; path: string; bundled: boolean }[] };
      return models.filter(({ bundled }) => !bundled);
    };
    const of = (folder: string, path: string) =>
      Object.entries(filesIn(folder)).filter(([name]) => name.split('/')[0] === basename(path));
    expect(await names()).toEqual([]);
    expect((await cli([...args, whole], { home: makeFolder() })).code).toBe(0);
    // What the command writes of what it knows: its job, how far it is, the library.
    let kills = 0;
    for (; ; kills++) {
      const environment = disk.environment(home, 12 + 10 * kills);
      const { code, stderr } = await cli([...args, out], { home, environment });
      expect(stderr).not.toContain('retort:');
      for (const { path } of await names()) expect(of(out, path)).toEqual(of(whole, path));
      if (code === 0) break;
    }
    expect(kills).toBeGreaterThan(2);
    expect((await names()).map(({ name }) => name)).toEqual(['llama-q4-g32', 'llama-q4-g32-onnx']);
    expect(filesIn(out)).toEqual(filesIn(whole));
  }, 300_000);

  test('a folder is not there or whole, and the same call makes it anew to the same bytes', async () => {
    const { whole, changes } = await undisturbed(['onnx']);
    for (const at of placesIn(changes, 7)) {
      const folder = makeFolder();
      expect(
        await quantizeInChild(request(folder, ['onnx']), durableBytes, disk.environment(folder, at)),
      ).toBeNull();
      if ((await listed(folder)) > 0) expect(filesIn(folder)).toEqual(whole);
      await quantizeModel(request(folder, ['onnx']), quiet);
      expect(filesIn(folder), `killed at ${at} of ${changes}`).toEqual(whole);
    }
  }, 300_000);
});
