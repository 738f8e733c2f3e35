import tseslint from 'typescript-eslint';
import { defineConfig, globalIgnores } from 'eslint/config';
import reactHooks from 'eslint-plugin-react-hooks';

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
const bridge = [
  'WebSocket',
  'MessageChannel',
  'fetch',
  'XMLHttpRequest',
  'EventSource',
  'localStorage',
  'sessionStorage',
].map((name) => ({
  name,
  message: 'Only renderer/ipc talks to the host, and to what the browser keeps.',
}));
/* In no browser before 2023, and so not in the Electron of the tests: pages run in the browser that is there. */
const newerArrays = ['toSorted', 'toReversed', 'toSpliced', 'with'].map((property) => ({
  property,
  message: 'Copy the array and change the copy: older browsers lack this.',
}));
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
  { files: ['**/*.js', '**/*.mjs', '**/*.cjs'], extends: [tseslint.configs.disableTypeChecked] },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
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
  { files: ['renderer/**'], extends: [reactHooks.configs.flat.recommended] },
  layer(['renderer/**'], [all.onnxruntime, all.electron, all.addon, all.onnxBuf, node,
    { regex: '^(\\.\\./)+electron/(?!contract/)', message: 'The renderer imports only electron/contract.' },
    { regex: '^(\\.\\./)+(native|tests|scripts)/|^\\.\\./\\.\\./(\\.\\./)?models/', message: 'The renderer imports only electron/contract.' }]),
  { files: ['renderer/**'], ignores: ['renderer/ipc/**'], rules: { 'no-restricted-globals': ['error', ...bridge],
    'no-restricted-properties': ['error', ...newerArrays, { object: 'window', property: 'retort', message: 'Only renderer/ipc talks to the bridge.' }] } },
  layer(['electron/main/**'], [all.onnxruntime, all.addon, all.onnxBuf,
    { regex: '\\.\\./(engine|formats|lab|cli|preload|host/(?!folders))', message: 'The shell imports the contract, and from the host only where the data folder is.' }]),
  layer(['electron/preload/**'], [all.onnxruntime, all.addon, all.onnxBuf, node,
    folder('\\.\\./(host|engine|formats|lab|cli|main)', 'The preload imports only the contract.')]),
  layer(['electron/cli/**'], [all.onnxruntime, all.electron, all.addon, all.onnxBuf,
    folder('\\.\\./(engine|formats|lab)', 'The command line imports contract and host.')]),
); // prettier-ignore
