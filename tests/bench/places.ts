/** Where the benchmark reads and writes. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectFolder = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const buildFolder = join(projectFolder, 'build', 'native');
/** Ignored by git; may be deleted at any time. */
export const cacheFolder = join(projectFolder, '.cache', 'bench');
export const bundledModel = join(
  projectFolder,
  'models',
  'smollm2-135m-instruct',
  'SmolLM2-135M-Instruct.Q4_1.gguf',
);
