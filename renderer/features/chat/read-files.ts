/** Files that a person gives with a message: text goes with it, anything else is refused by name and with the reason. */
import type { AttachedFile } from '../../../electron/contract/chats.ts';
import { textLimit } from '../../../electron/contract/identifiers.ts';
import { formatBytes } from '../../ui/format.ts';

export interface ReadFiles {
  readonly files: readonly AttachedFile[];
  /** A sentence for each that was not taken. */
  readonly refused: readonly string[];
}

/** Names are shown and sent: the longest that the contract takes. */
const longestName = 255;

async function readFile(file: File): Promise<AttachedFile | string> {
  const name = (file.name === '' ? 'pasted file' : file.name).slice(-longestName);
  if (file.type.startsWith('image/')) {
    return `This model reads text only: the picture ${name} was not attached.`;
  }
  if (file.size > textLimit) {
    return `${name} is ${formatBytes(file.size)}; the largest file that fits in a message is ${formatBytes(textLimit)}. It was not attached.`;
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    return `${name} is not text in UTF-8 and was not attached.`;
  }
  if (text.includes('\0')) return `${name} is not text and was not attached.`;
  return { name, text };
}

export async function readFiles(files: readonly File[]): Promise<ReadFiles> {
  const read = await Promise.all(files.map(readFile));
  return {
    files: read.filter((file): file is AttachedFile => typeof file !== 'string'),
    refused: read.filter((file) => typeof file === 'string'),
  };
}
