// What the test Electron runs: the app whose folder stands in its arguments, as the `electron` command does. Its own default app was not in the wheel.
//   electron [-r MODULE] [flags] FOLDER [arguments]
const { app } = require('electron');
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const { join, resolve } = require('node:path');

/** @param {string[]} given */
function readArguments(given) {
  const modules = [];
  for (let index = 0; index < given.length; index++) {
    if (given[index] === '-r') modules.push(given[++index]);
    else if (!given[index].startsWith('-')) return { modules, folder: resolve(given[index]) };
  }
  throw new Error('No folder of an app is given.');
}

const { modules, folder } = readArguments(process.argv.slice(1));
Object.defineProperty(process, 'defaultApp', { value: true, enumerable: true });
for (const name of modules) Module._load(name, module, true);
const { main, name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
app.setName(name);
app.setVersion(version);
app.setAppPath(folder);
Module._load(join(folder, main), module, true);
