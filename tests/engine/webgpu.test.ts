import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

/** A Vulkan device in software: GPU graphs are tested for correctness without a GPU. */
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';
const script = fileURLToPath(new URL('../helpers/device-difference.ts', import.meta.url));

/** In a process of its own: Vulkan reads its environment once. */
async function onWebGpu(kind: 'built' | 'exported', name: string, vulkanDriver: string): Promise<unknown> {
  const env = { ...process.env, VK_ICD_FILENAMES: vulkanDriver };
  const { stdout } = await promisify(execFile)(process.execPath, [script, kind, name, 'webgpu'], { env });
  return JSON.parse(stdout);
}

describe('on WebGPU', () => {
  test.skipIf(!existsSync(swiftShader)).each([
    ['exported', 'mistral-genai-f32'],
    ['exported', 'gpt2-merged'],
    ['built', 'llama'],
    ['built', 'mistral'],
    ['built', 'mixtral'],
    ['built', 'llama-gptq'],
  ] as const)('webgpu %s: %s computes the golden logits', async (kind, name) => {
    const measured = (await onWebGpu(kind, name, swiftShader)) as { difference: number; device: string };
    expect(measured.device).toBe('webgpu');
    expect(measured.difference).toBeLessThan(1e-4);
  });

  test('a model whose attention WebGPU computes wrongly is refused', async () => {
    expect(await onWebGpu('built', 'gemma2', swiftShader)).toMatchObject({ code: 'unsupported-feature' });
  });

  test('a machine without an adapter is a coded error', async () => {
    expect(await onWebGpu('exported', 'gpt2-merged', '/nonexistent.json')).toMatchObject({
      code: 'no-device',
    });
    expect(await onWebGpu('built', 'llama', '/nonexistent.json')).toMatchObject({ code: 'no-device' });
  });
});
