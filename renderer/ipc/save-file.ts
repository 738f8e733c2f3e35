/** A file of the person's: by a save dialog in Electron, as a download in a browser. */
import type { Shell } from '../../electron/contract/shell.ts';

export interface TextFile {
  readonly fileName: string;
  readonly mediaType: string;
  readonly text: string;
}

/** False where the person cancelled. */
export async function saveText(
  shell: Shell | null,
  { fileName, mediaType, text }: TextFile,
): Promise<boolean> {
  if (shell) return shell.saveText(fileName, text);
  return download(fileName, new Blob([text], { type: mediaType }));
}

/** False where the person cancelled. */
export async function savePicture(shell: Shell | null, fileName: string, png: Blob): Promise<boolean> {
  if (shell) return shell.savePicture(fileName, new Uint8Array(await png.arrayBuffer()));
  return download(fileName, png);
}

function download(fileName: string, contents: Blob): true {
  const address = URL.createObjectURL(contents);
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName;
  link.click();
  // The download begins in a later turn.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  return true;
}
