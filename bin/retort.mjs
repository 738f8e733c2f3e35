#!/usr/bin/env node
// Starts Retort under Node 24 and stands in for it: same terminal, same signals, same exit code. Needs nothing installed, and
// installs and builds what is missing first.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUp, SetUpError } from '../scripts/set-up.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where Node keeps compiled code between starts: inside a clone, or the person's cache folder where the clone is read-only. */
function compileCache() {
  if (process.env.NODE_COMPILE_CACHE) return process.env.NODE_COMPILE_CACHE;
  try {
    accessSync(root, constants.W_OK);
    return join(root, '.cache', 'compile');
  } catch {
    const cache = process.env.XDG_CACHE_HOME ?? process.env.LOCALAPPDATA ?? join(homedir(), '.cache');
    return join(cache, 'retort', 'compile');
  }
}

/** A terminal sends Ctrl-C to the child itself; a second one from here would look like a person pressing it twice. */
function forwardSignals(child) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
}

function run(node) {
  const child = spawn(node, [join(root, 'electron', 'cli', 'main.ts'), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache() },
  });
  forwardSignals(child);
  child.on('error', (error) => {
    console.error(`Retort could not start ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    // Die of the same signal, so that a shell sees what happened.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

try {
  run(await setUp());
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
