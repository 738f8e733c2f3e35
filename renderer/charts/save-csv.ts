import { toLabError } from '../../electron/contract/errors.ts';
import { useHost } from '../ipc/host-context.ts';
import { saveText } from '../ipc/save-file.ts';
import { showToast } from '../ui/toasts.ts';

/** Saves a CSV file and tells what went wrong. */
export function useSaveCsv(): (name: string, csv: string) => Promise<void> {
  const { shell } = useHost();
  return async (name, csv) => {
    const fileName = `retort-${name.toLowerCase().replaceAll(' ', '-')}.csv`;
    try {
      await saveText(shell, { fileName, mediaType: 'text/csv', text: csv });
    } catch (error) {
      showToast(`${fileName} was not saved: ${toLabError(error).message}`);
    }
  };
}
