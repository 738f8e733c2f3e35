/** What the system keeps of a file in memory. A mapped file that is there already costs its reader nothing, whatever the reader's cap. */
import { spawnSync } from 'node:child_process';
import { open } from 'node:fs/promises';

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr}`);
  return stdout;
}

/** Bytes of the file in the page cache. */
export const cachedBytes = (path: string) =>
  Number(run('fincore', ['--bytes', '--noheadings', '--output', 'RES', path]));

/** Makes the system forget the file's pages. Throws where most stay: another process has it mapped. Linux alone. */
export async function forgetPages(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    // Pages that are not yet on the disk would stay.
    await file.sync();
  } finally {
    await file.close();
  }
  run('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
  const left = cachedBytes(path);
  if (left > 2 ** 24)
    throw new Error(`${left} bytes of ${path} stay in the page cache: close what has it open`);
}
