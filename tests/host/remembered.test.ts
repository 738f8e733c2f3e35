import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Remembered } from '../../electron/host/compare/remembered.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

function counting() {
  let reads = 0;
  return { remembered: new Remembered<number>(), read: () => Promise.resolve(++reads) };
}

test('a file is read once for each question, and again where it has changed', async () => {
  const { remembered, read } = counting();
  const file = join(temporaryFolder(), 'model.gguf');
  writeFileSync(file, 'one');
  expect(await remembered.of(file, 'a', read)).toBe(1);
  expect(await remembered.of(file, 'a', read)).toBe(1);
  expect(await remembered.of(file, 'b', read)).toBe(2);
  writeFileSync(file, 'another');
  expect(await remembered.of(file, 'a', read)).toBe(3);
});

test('folders, and what is not there, are read each time; what fails is not kept', async () => {
  const { remembered, read } = counting();
  const folder = temporaryFolder();
  for (const path of [folder, join(folder, 'gone')]) {
    const first = await remembered.of(path, '', read);
    expect(await remembered.of(path, '', read)).toBe(first + 1);
  }
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const failing = remembered.of(file, '', () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await remembered.of(file, '', read)).toBe(5);
});

test('the oldest are forgotten, so that it never grows', async () => {
  const { remembered, read } = counting();
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  for (let question = 0; question <= 32; question++) await remembered.of(file, String(question), read);
  expect(await remembered.of(file, '32', read)).toBe(33);
  expect(await remembered.of(file, '0', read)).toBe(34);
});
