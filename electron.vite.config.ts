/**
 * The parts that run in Electron and in pages, built into out/: the shell and its preload as CommonJS, which the oldest Electron that must run
 * them takes, and the pages. The host and the engines are not bundled: scripts/transpile.mjs keeps one module for each file.
 */
import { join } from 'node:path';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';

/** The tests' Electron is 22: Node 16.17, Chrome 108. */
const pageTarget = 'chrome108';
const nodeTarget = 'node16.17';
const commonJs = { format: 'cjs', entryFileNames: '[name].cjs' } as const;

export default defineConfig({
  main: {
    build: {
      target: nodeTarget,
      externalizeDeps: false,
      rolldownOptions: { input: { main: 'electron/main/main.ts' }, output: commonJs },
    },
  },
  preload: {
    build: {
      target: nodeTarget,
      externalizeDeps: false,
      rolldownOptions: { input: { preload: 'electron/preload/preload.ts' }, output: commonJs },
    },
  },
  renderer: {
    worker: { format: 'es' },
    root: 'renderer',
    plugins: [react(), tailwindcss()],
    resolve: {
      alias: {
        // Its browser form parses with the page's own parser, which reports a formula's style attributes as breaches of the policy.
        'hast-util-from-html-isomorphic': join(
          import.meta.dirname,
          'node_modules/hast-util-from-html-isomorphic/index.js',
        ),
      },
    },
    build: {
      target: pageTarget,
      cssTarget: pageTarget,
      cssMinify: 'lightningcss',
      minify: true,
      modulePreload: { polyfill: false },
      // The content security policy takes fonts from files only.
      assetsInlineLimit: 0,
      rolldownOptions: { input: 'renderer/index.html' },
    },
  },
});
