/** Several who ask for the tokenizers and headers of different models at once: real processes, none of which is ended under who waits for it. */
import { copyFileSync, constants } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  nodeEngineStarter,
  type EngineProcess,
  type EngineStarter,
} from '../../electron/host/engines/engine-starter.ts';
import { TextService } from '../../electron/host/text/text-service.ts';
import { eventually } from '../helpers/eventually.ts';
import { bundledModel } from '../helpers/golden.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const unhurried = new AbortController().signal;
const question = { text: 'What is the capital of France?', special: false, addBos: false };
const headers = { context: null, kvCodec: null, threads: 1 };

/** The bundled model and a copy of it. */
function twoModels(): [string, string] {
  const copy = join(temporaryFolder(), 'copy.gguf');
  copyFileSync(bundledModel, copy, constants.COPYFILE_FICLONE);
  return [bundledModel, copy];
}

function startText() {
  const running = new Set<EngineProcess>();
  let started = 0;
  const starter: EngineStarter = {
    start(kind) {
      const process = nodeEngineStarter.start(kind);
      started += 1;
      running.add(process);
      void process.ended.then(() => running.delete(process));
      return process;
    },
  };
  const text = new TextService(starter);
  onTestFinished(() => text.close());
  return { text, running, started: () => started };
}

test('models that are priced at the same time are all priced; then one process is left', async () => {
  const { text, running } = startText();
  const asked = [...twoModels(), ...twoModels()];
  const priced = await Promise.all(asked.map((path) => text.estimate({ path, ...headers }, unhurried)));
  expect(new Set(priced.map(({ weightsBytes }) => weightsBytes)).size).toBe(1);
  await eventually(() => expect(running.size).toBe(1));
});

test('a text that is being cut is cut to its end when another model’s tokenizer is opened, and cut again after that', async () => {
  const { text, running } = startText();
  const [first, second] = twoModels();
  const ofFirst = await text.open(first, unhurried);
  const long = { ...question, text: `${question.text} `.repeat(3000) };
  const cutting = ofFirst.encode(long);
  const ofSecond = await text.open(second, unhurried);
  const { ids } = await ofSecond.encode(question);
  expect((await cutting).ids.length).toBeGreaterThan(2000 * ids.length);
  await eventually(() => expect(running.size).toBe(1));
  expect((await ofFirst.encode(question)).ids).toEqual(ids);
  const both = await Promise.all([
    ofFirst.encode(question),
    ofSecond.encode(question),
    ofFirst.encode(question),
  ]);
  expect(both.map((each) => each.ids)).toEqual([ids, ids, ids]);
  await eventually(() => expect(running.size).toBe(1));
});

test('what nobody waits for any more is ended when another model is asked for, and nothing is begun for who has left', async () => {
  const { text, running, started } = startText();
  const [first, second] = twoModels();
  const leaving = new AbortController();
  const left = text.estimate({ path: first, ...headers }, leaving.signal);
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: 'cancelled' });
  await text.estimate({ path: second, ...headers }, unhurried);
  await eventually(() => expect(running.size).toBe(1));
  const before = started();
  await expect(text.estimate({ path: first, ...headers }, leaving.signal)).rejects.toMatchObject({
    code: 'cancelled',
  });
  await expect(text.open(first, leaving.signal)).rejects.toMatchObject({ code: 'cancelled' });
  expect(started()).toBe(before);
  await text.estimate({ path: second, ...headers }, unhurried);
  expect(started()).toBe(before);
});
