/** Small files that are whole at every moment, also after a crash, a full disk or a power cut. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces `file` by `text`: written beside it, made durable, then renamed over it. Where this throws, the old file is there as it was; only
 * a failure of the last step, which makes the new name durable, may leave the new one. One writer a file.
 */
export async function writeDurably(file: string, text: string): Promise<void> {
  const folder = dirname(file);
  const partial = `${file}.partial`;
  await mkdir(folder, { recursive: true });
  try {
    await writeToDisk(partial, text);
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
  await makeNamesDurable(folder);
}

/** Readable for its owner alone: what a person typed may be in it. */
async function writeToDisk(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function makeNamesDurable(folder: string): Promise<void> {
  // Windows opens no folders; its renames are durable by the journal.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
