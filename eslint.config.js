import tseslint from 'typescript-eslint';
import { defineConfig, globalIgnores } from 'eslint/config';

/** The layer table of docs/architecture.md: what a folder may not import, and why. */
const all = {
  onnxruntime: { regex: '^onnxruntime-node', message: 'Only electron/engine/onnx imports onnxruntime-node.' },
  electron: { regex: '^electron(/|$)', message: 'Only electron/main and electron/preload import electron.' },
  addon: {
    regex: 'native/addon(\\.ts)?$',
    message: 'Only the generation loop and the lab reach the addon, through engine/native/sampler.ts.',
  },
  onnxBuf: {
    regex: '^(onnx-buf|@bufbuild/)',
    message: 'Only electron/formats/onnx/protobuf.ts wraps the ONNX schema.',
  },
};
const folder = (name, message) => ({ regex: `(^|/)${name}(/|$)`, message });
const layer = (files, patterns, ignores = []) => ({
  files,
  ignores,
  rules: { 'no-restricted-imports': ['error', { patterns }] },
});
const node = { regex: '^node:', message: 'This folder is plain data and types: no Node.' };

export default defineConfig(
  globalIgnores(['build/', 'out/', 'node_modules/', 'coverage/', '.cache/', 'release/', 'tests/golden/', 'native/']),
  tseslint.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.js', '*.ts'] } } } },
  {
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      eqeqeq: 'error',
    },
  },
  { files: ['**/*.js', '**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
  layer(['electron/contract/**'], [all.onnxruntime, all.electron, all.addon, all.onnxBuf, node,
    { regex: '^\\.\\./', message: 'The contract imports only zod.' }]),
  layer(['models/**'], [all.onnxruntime, all.electron, all.addon, all.onnxBuf, node,
    folder('(host|engine|formats|lab|cli)', 'models/ is data: it may import only electron/contract.')]),
  layer(['electron/formats/**'], [all.onnxruntime, all.electron, all.addon, all.onnxBuf,
    folder('\\.\\./(host|engine|lab|cli|models)', 'formats imports only contract.')], ['electron/formats/onnx/protobuf.ts']),
  layer(['electron/host/**'], [all.onnxruntime, all.electron, all.addon, all.onnxBuf,
    folder('\\.\\./(engine|formats|lab|cli)', 'The host reads no model file: it asks an engine process.')]),
  layer(['electron/engine/**'], [all.electron, all.onnxBuf, all.onnxruntime, all.addon,
    folder('\\.\\./(host|cli)', 'Engines know neither host nor command line.')], ['electron/engine/onnx/**', 'electron/engine/native/**']),
  layer(['electron/engine/onnx/**'], [all.electron, all.onnxBuf, all.addon,
    folder('\\.\\./(host|cli|lab)', 'Engines know neither host nor command line.')]),
  layer(['electron/lab/**'], [all.electron, all.onnxBuf, all.onnxruntime, all.addon,
    folder('\\.\\./(host|cli)', 'lab imports contract, the engine interfaces and formats.')]),
  layer(['electron/cli/**'], [all.onnxruntime, all.electron, all.addon, all.onnxBuf,
    folder('\\.\\./(engine|formats|lab)', 'The command line imports contract and host.')]),
); // prettier-ignore
