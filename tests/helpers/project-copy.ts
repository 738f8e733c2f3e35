/**
 * A temporary copy of the parts of this project that set-up and start need, as a fresh clone has them.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface ProjectCopy {
  readonly folder: string;
  remove(): void;
}

/** Copies `paths` (files or folders, relative to the project); with `linkPackages` node_modules is this project's own. */
export function copyProject(
  paths: readonly string[],
  { linkPackages }: { linkPackages: boolean },
): ProjectCopy {
  const folder = mkdtempSync(join(tmpdir(), 'retort-copy-'));
  for (const path of paths)
    cpSync(join(root, path), join(folder, path), { recursive: true, preserveTimestamps: true });
  if (linkPackages) symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. `whenOutput` is called with the process and all of stdout so far. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv; whenOutput?: (pid: number, stdout: string) => void },
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const { cwd, env = process.env, whenOutput } = options;
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      if (child.pid !== undefined) whenOutput?.(child.pid, stdout);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
