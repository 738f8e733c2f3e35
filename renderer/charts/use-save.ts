import { toLabError } from '../../electron/contract/errors.ts';
import { useHost } from '../ipc/host-context.ts';
import { savePicture, saveText, type TextFile } from '../ipc/save-file.ts';
import { showToast } from '../ui/toasts.ts';

export interface Saving {
  readonly text: (make: () => TextFile | Promise<TextFile>) => Promise<void>;
  readonly picture: (fileName: string, make: () => Promise<Blob>) => Promise<void>;
}

/** Saves what is made, and tells what was saved or went wrong. */
export function useSave(): Saving {
  const { shell } = useHost();
  const told = async (fileName: string | null, save: () => Promise<[string, boolean]>) => {
    try {
      const [name, isSaved] = await save();
      if (isSaved) showToast(`Saved ${name}`);
    } catch (error) {
      showToast(`${fileName ?? 'The file'} was not saved: ${toLabError(error).message}`);
    }
  };
  return {
    text: (make) =>
      told(null, async () => {
        const file = await make();
        return [file.fileName, await saveText(shell, file)];
      }),
    picture: (fileName, make) =>
      told(fileName, async () => [fileName, await savePicture(shell, fileName, await make())]),
  };
}
