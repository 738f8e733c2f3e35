/** Packs of the benchmark's models, written where they are missing. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../places.ts';

/** The pack beside a model; written by the command line, which looks at the disk's room itself. Throws with what it said. */
export function packOf(model: string): string {
  const pack = model.replace(/\.gguf$/, '.retortpack');
  if (existsSync(pack)) return pack;
  const command = [join(projectFolder, 'bin', 'retort.mjs'), 'pack', model, '--out', pack, '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`retort pack failed: ${stderr}${stdout}`);
  return pack;
}
