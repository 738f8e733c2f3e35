// Writes what Node runs (host, engines) as JavaScript, for a Node that takes no TypeScript, such as Electron's own.
//   node scripts/transpile.mjs FOLDER PLACE     writes to FOLDER what will lie at PLACE; needs Node 24
// One module for each file, its types replaced by spaces, exactly as Node itself reads the sources.
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = ['electron/{contract,engine,formats,host,lab}/**/*.ts', 'models/**/*.ts'];

/** `import … from './x.ts'`, `import('./x.ts')`, `new URL('./x.ts', import.meta.url)`: only modules are named so in these folders. */
function renameModules(code) {
  return code.replace(/(['"])(\.\.?\/[^'"\n]*)\.ts\1/g, '$1$2.mjs$1');
}

/** Files that are not written here lie beside the sources: `new URL('../../package.json', import.meta.url)`. */
function reachAssets(code, up) {
  return code.replace(/new URL\((['"])(\.\.?\/[^'"\n]*)\1, import\.meta\.url\)/g, (whole, _quote, path) =>
    path.endsWith('.mjs') ? whole : `new URL('${up}${path}', import.meta.url)`,
  );
}

function transpile(folder, place) {
  for (const file of globSync(sources, { cwd: root })) {
    const code = stripTypeScriptTypes(readFileSync(join(root, file), 'utf8'));
    const written = join(folder, file.replace(/\.ts$/, '.mjs'));
    const up = `${relative(dirname(join(place, file)), dirname(join(root, file)))
      .split(sep)
      .join('/')}/`;
    mkdirSync(dirname(written), { recursive: true });
    writeFileSync(written, reachAssets(renameModules(code), up));
  }
}

transpile(resolve(process.argv[2]), resolve(process.argv[3]));
