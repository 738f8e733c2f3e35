import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { drain } from '../../electron/contract/rpc-client.ts';
import { nodeEngineStarter, type EngineKind } from '../../electron/host/engines/engine-starter.ts';
import { bundledModel } from '../helpers/golden.ts';
import { copyTinyModel } from '../helpers/model-folder.ts';
import { isAlive, temporaryFolder, tinyModel } from '../helpers/test-host.ts';

function start(kind: EngineKind) {
  const engine = nodeEngineStarter.start(kind);
  onTestFinished(() => engine.kill());
  return engine;
}

const llama = tinyModel('llama').path;
/** Renders for longer than any test lasts. */
const bomb = `{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}{{ messages[0].content }}`;
const greeting = { messages: [{ role: 'user', content: 'Hello' }], addGenerationPrompt: true };
const openRequest = (cacheFolder: string) => ({
  path: llama,
  engine: 'onnx' as const,
  arithmetic: 'reference' as const,
  device: 'cpu' as const,
  threads: 1,
  kvCodec: null,
  memoryBudget: null,
  cacheFolder,
});

test('a text process reads headers, encodes and refuses to compute', async () => {
  const { client } = start('text');
  expect(await client.inspect({ path: llama })).toMatchObject({ format: 'safetensors', layers: 3 });
  await expect(client.encode({ text: 'a', special: false, addBos: false })).rejects.toMatchObject({
    code: 'bad-request',
  });
  const events: string[] = [];
  const tensors = ['model.norm.weight', 'model.embed_tokens.weight'];
  const reading = client.tensorStatistics({ path: llama, identity: null, tensors });
  await drain(reading, (event) => void (event.type === 'progress' || events.push(event.name)));
  expect(events).toEqual(tensors);
  await client.openText({ path: llama });
  const { ids, pieces } = await client.encode({ text: 'Hello world', special: false, addBos: false });
  expect(pieces).toHaveLength(ids.length);
  expect(pieces.join('')).toBe('Hello world');
  await expect(drain(client.open(openRequest(temporaryFolder())))).rejects.toMatchObject({
    code: 'bad-request',
  });
});

test('a weights process opens one model, streams its progress, and answers from it', async () => {
  const { client } = start('weights');
  const cacheFolder = temporaryFolder();
  await expect(
    drain(
      client.generate({
        ids: [1],
        maxTokens: 1,
        sampling: {},
        ends: [],
        ignoreEnds: false,
        stops: [],
        continues: true,
        trace: false,
        conversation: null,
      }),
    ),
  ).rejects.toMatchObject({ code: 'bad-request' });
  const phases: string[] = [];
  const info = await drain(client.open(openRequest(cacheFolder)), ({ phase }) => void phases.push(phase));
  expect(info).toMatchObject({ engine: 'onnx', arithmetic: 'reference', vocabularySize: 320, threads: 1 });
  expect(phases).toContain('build graph');
  await expect(drain(client.open(openRequest(cacheFolder)))).rejects.toMatchObject({ code: 'bad-request' });
  const memory = await client.memory({});
  expect(memory.weightsBytes).toBe(info.weightsBytes);
  expect(memory.peakBytes).toBeGreaterThanOrEqual(memory.residentBytes);
});

test('an engine keeps its conversation, tells of it while it replies, and forgets it when asked', async () => {
  const { client } = start('weights');
  await expect(client.forget({})).rejects.toMatchObject({ code: 'bad-request' });
  expect(await client.memory({})).toMatchObject({ residentBeforeOpenBytes: null, kvBytes: 0 });
  const request = { ...openRequest(temporaryFolder()), engine: 'native' as const, kvCodec: 'q8' as const };
  const info = await drain(client.open({ ...request, path: bundledModel }));
  expect(info).toMatchObject({ engine: 'native', kvCodec: 'q8' });
  // Of 30 layers and 3 heads: 32 slots of 64 codes and 2 scales, and a header, for keys and for values.
  expect(info.kvBytesPerToken).toBe((30 * 3 * 2 * (64 + 32 * (64 + 2 * 2))) / 32);

  const reply = (ids: number[], maxTokens: number) =>
    client.generate({
      ids,
      maxTokens,
      sampling: { temperature: 0 },
      ends: [],
      ignoreEnds: true,
      stops: [],
      continues: false,
      trace: true,
      conversation: { context: 512 },
    });
  const ids = Array.from({ length: 40 }, (_, i) => i * 7 + 30);
  const growing: number[] = [];
  const first = await drain(reply(ids, 60), async (event) => {
    if (event.type === 'tokens') growing.push((await client.memory({})).kvBytes);
  });
  expect(growing.length).toBeGreaterThan(1);
  expect(growing[0]).toBeGreaterThan(0);
  const held = [...ids, ...first.ids.slice(0, -1)];
  expect(await client.conversation({})).toEqual({ ids: held });

  const reused: (number | undefined)[] = [];
  const second = await drain(reply([...ids, ...first.ids, 31], 3), (event) => {
    if (event.type === 'tokens') reused.push(...event.batch.trace.map((record) => record.reused));
  });
  expect(second).toMatchObject({ reusedTokens: held.length, promptTokens: held.length + 2 });
  expect(reused).toEqual([held.length, undefined, undefined]);

  const memory = await client.memory({});
  expect(memory.kvBytes).toBe(4 * 32 * info.kvBytesPerToken!);
  expect(memory.residentBytes - memory.residentBeforeOpenBytes!).toBeGreaterThan(info.weightsBytes);
  // The addon is in it, the model is not.
  expect(memory.baselineBytes).toBeGreaterThanOrEqual(memory.residentBeforeOpenBytes!);
  expect(memory.residentBytes - memory.baselineBytes!).toBeGreaterThan(info.weightsBytes);
  expect(info.streaming).toBeNull();
  expect(await client.flashState({})).toBeNull();
  for (const memoryBudget of [null, 2 ** 29]) {
    const budget = client.setMemoryBudget({ memoryBudget, isAuto: false });
    await expect(budget).rejects.toMatchObject({ code: 'unsupported-feature' });
  }
  await client.forget({});
  expect(await client.conversation({})).toEqual({ ids: [] });
  expect((await client.memory({})).kvBytes).toBe(0);
});

test('the onnx engine refuses a cache that it does not have, before it builds anything', async () => {
  const { client } = start('weights');
  const request = { ...openRequest(temporaryFolder()), kvCodec: 'q8' as const };
  await expect(drain(client.open(request))).rejects.toMatchObject({
    code: 'unsupported-feature',
    detail: { field: 'kvCodec' },
  });
});

test('a killed process rejects what waits for it with engine-gone and the signal', async () => {
  const engine = start('text');
  const path = copyTinyModel('llama', { 'chat_template.jinja': bomb });
  await engine.client.openText({ path });
  const call = engine.client.encodeChat(greeting);
  setTimeout(() => engine.kill(), 50);
  await expect(call).rejects.toMatchObject({ code: 'engine-gone' });
  expect(await engine.ended).toContain('SIGKILL');
  await expect(engine.client.memory({})).rejects.toMatchObject({ code: 'engine-gone' });
});

test('an engine that is asked to end does so at once, and one that is busy within 5 seconds', async () => {
  const idle = start('text');
  await idle.client.memory({});
  await idle.close();
  expect(isAlive(idle.pid)).toBe(false);

  const busy = start('text');
  await busy.client.openText({ path: copyTinyModel('llama', { 'chat_template.jinja': bomb }) });
  busy.client.encodeChat(greeting).catch(() => undefined);
  const started = performance.now();
  await busy.close();
  expect(performance.now() - started).toBeLessThan(6000);
  expect(isAlive(busy.pid)).toBe(false);
}, 30_000);

test('engines whose parent is killed end within 5 seconds, also a busy one', async () => {
  const folder = copyTinyModel('llama', { 'chat_template.jinja': bomb });
  const entry = fileURLToPath(new URL('../helpers/engine-parent.ts', import.meta.url));
  const parent = fork(entry, [folder], { execArgv: [] });
  const [pids] = (await once(parent, 'message')) as [number[]];
  expect(pids.filter(isAlive)).toEqual(pids);
  parent.kill('SIGKILL');
  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 5000, interval: 100 });
}, 30_000);

test('Ctrl-C of the whole group leaves the decision to the parent', async () => {
  const engine = start('text');
  await engine.client.memory({});
  process.kill(engine.pid, 'SIGINT');
  expect(await engine.client.memory({})).toMatchObject({ weightsBytes: 0 });
});
