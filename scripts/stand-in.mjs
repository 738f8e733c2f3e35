// Runs a program in place of this one: same terminal, same signals, same exit code.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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

/** Resolves with how it ended, and with its last words where stderr is piped; what it says there is passed on. */
export function runInForeground(program, args, { env = process.env, stdio = 'inherit' } = {}) {
  const child = spawn(program, args, { stdio, env });
  forwardSignals(child);
  let words = '';
  child.stderr?.on('data', (data) => {
    process.stderr.write(data);
    words = `${words}${data}`.slice(-4000);
  });
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: 1, signal: null, words: error.message, error }));
    child.on('exit', (code, signal) => resolve({ code, signal, words }));
  });
}

/** Ends as the child did. */
export function endLike({ code, signal }) {
  if (signal === null) process.exit(code);
  // Die of the same signal, so that a shell sees what happened.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** Runs the command line of Retort under `node`, and ends as it does. */
export async function standInForRetort(node, args) {
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCache() };
  const end = await runInForeground(node, [join(root, 'electron', 'cli', 'main.ts'), ...args], { env });
  if (end.error) console.error(`Retort could not start ${node}: ${end.error.message}`);
  endLike(end);
}
