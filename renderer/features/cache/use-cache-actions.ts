/** What can be done with a cache; each tells how it went. */
import { useState } from 'react';
import { toLabError } from '../../../electron/contract/errors.ts';
import { useHost } from '../../ipc/host-context.ts';
import { formatBytes, formatCount, formatMilliseconds } from '../../ui/format.ts';
import { showToast } from '../../ui/toasts.ts';

export interface CacheActions {
  readonly isBusy: boolean;
  /** Null, or why it was not saved. */
  readonly save: (name: string) => Promise<string | null>;
  readonly restore: (id: string) => Promise<void>;
  readonly remove: (id: string) => Promise<void>;
  readonly clear: () => Promise<void>;
}

/** `onDone`: something changed, or was tried. */
export function useCacheActions(onDone: () => void): CacheActions {
  const { client } = useHost();
  const [isBusy, setIsBusy] = useState(false);
  const during = async (work: () => Promise<string>): Promise<string | null> => {
    setIsBusy(true);
    try {
      showToast(await work());
      return null;
    } catch (error) {
      return toLabError(error).message;
    } finally {
      setIsBusy(false);
      onDone();
    }
  };
  const told = async (work: () => Promise<string>) => {
    const refused = await during(work);
    if (refused !== null) showToast(refused);
  };
  return {
    isBusy,
    save: (name) =>
      during(async () => {
        const { tokens, bytes } = await client.saveCache({ name });
        return `${formatCount(tokens, 'token')} saved, ${formatBytes(bytes)}`;
      }),
    restore: (id) =>
      told(async () => {
        const { tokens, kvBytes, milliseconds } = await client.restoreSavedCache({ id });
        return `${formatCount(tokens, 'token')} restored, ${formatBytes(kvBytes)} in ${formatMilliseconds(milliseconds)}`;
      }),
    remove: (id) =>
      told(async () => {
        const { name, bytes } = await client.removeSavedCache({ id });
        return `${name} is deleted: ${formatBytes(bytes)} freed`;
      }),
    clear: () =>
      told(async () => {
        await client.clearCache({});
        return 'The cache is empty: the next message is read from its beginning';
      }),
  };
}
