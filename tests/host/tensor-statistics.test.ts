/** What pages get to know of the values of tensors. */
import { appendFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TensorEvent } from '../../electron/contract/model-summary.ts';
import { drain } from '../../electron/contract/rpc-client.ts';
import { bundledModel } from '../helpers/golden.ts';
import { labError, makeFolder } from '../helpers/model-folder.ts';
import { copyFile, startPageModels, tiny } from '../helpers/page-models.ts';

async function oneModel(make: (folder: string) => void) {
  const folder = makeFolder();
  make(folder);
  const { client } = startPageModels({ folders: [folder] });
  const { id } = (await client.listModels({})).find(({ kind }) => kind === 'folder')!;
  const { identity, tensors } = await client.inspectModel({ id });
  return { folder, client, id, identity, all: tensors };
}

const llama = () =>
  oneModel((folder) => copyFile(tiny('llama', 'model-q8_0.gguf'), join(folder, 'tiny.gguf')));

describe('values of tensors', () => {
  test('are told one tensor after the other, all or those that are named', async () => {
    const { client, id, identity, all } = await llama();
    const events: TensorEvent[] = [];
    await drain(client.tensorStatistics({ id, identity, tensors: null }), (event) => void events.push(event));
    const names = (told: TensorEvent[]) =>
      told.flatMap((event) => (event.type === 'statistics' ? [event.name] : []));
    expect(names(events)).toEqual(all.map(({ name }) => name));
    expect(events).toContainEqual(expect.objectContaining({ type: 'progress' }));
    const some: TensorEvent[] = [];
    const tensors = [all[3]!.name];
    await drain(client.tensorStatistics({ id, identity, tensors }), (event) => void some.push(event));
    expect(names(some)).toEqual(tensors);
    expect(events).toContainEqual(some.find(({ type }) => type === 'statistics'));
  });

  test('are refused for a name that is not there, another model and a file that was cut, without a path', async () => {
    const { folder, client, id, identity } = await llama();
    const ask = (change: object) =>
      labError(drain(client.tensorStatistics({ id, identity, tensors: null, ...change })));
    expect(await ask({ tensors: ['blk.0.none'] })).toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('"blk.0.none"') as string,
    });
    expect(await ask({ tensors: [] })).toMatchObject({ code: 'bad-request' });
    expect(await ask({ id: 'found-0123456789abcdef' })).toMatchObject({ code: 'not-found' });
    const file = join(folder, 'tiny.gguf');
    appendFileSync(file, 'more');
    const changed = await ask({});
    expect(changed).toMatchObject({ code: 'bad-request', detail: { field: 'identity' } });
    truncateSync(file, 20_000);
    const cut = await ask({});
    expect(cut.code).toBe('bad-file');
    expect(JSON.stringify([changed.message, cut.message, cut.detail])).not.toContain(folder);
  });

  test('stop where they are cancelled', async () => {
    // A tiny model could be read to its end before the cancellation reaches the engine.
    const { client, id, identity } = await oneModel((folder) =>
      copyFile(bundledModel, join(folder, 'large.gguf')),
    );
    const leaving = new AbortController();
    const call = client.tensorStatistics({ id, identity, tensors: null }, { signal: leaving.signal });
    const reading = labError(drain(call, () => leaving.abort()));
    expect((await reading).code).toBe('cancelled');
  });
});
