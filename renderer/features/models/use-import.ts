/** Bringing models in where they lie: through the shell's dialog or a drop. */
import type { PageModel } from '../../../electron/contract/machine.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import { navigate } from '../../app/routes.ts';
import { useHost } from '../../ipc/host-context.ts';
import { showToast } from '../../ui/toasts.ts';

export interface Importing {
  /** False in a browser: there a person adds models in the terminal. */
  readonly isPossible: boolean;
  /** Asks for files or folders. */
  readonly choose: () => Promise<void>;
  readonly drop: (files: readonly File[]) => Promise<void>;
}

export function useImport(): Importing {
  const { client, shell } = useHost();
  async function take(grants: readonly string[]): Promise<void> {
    let last: PageModel | null = null;
    for (const grant of grants) last = (await told(() => client.importModel({ grant }))) ?? last;
    if (last) navigate({ screen: 'models', modelId: last.id });
  }
  return {
    isPossible: shell !== null,
    choose: async () => {
      const grants = shell ? await told(() => shell.chooseModels()) : null;
      await take(grants ?? []);
    },
    drop: async (files) => {
      const grants = shell ? await told(() => shell.grantDropped(files)) : null;
      await take(grants ?? []);
    },
  };
}

/** Null where it failed: a toast has said why. */
async function told<T>(action: () => Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    showToast(toLabError(error).message);
    return null;
  }
}
