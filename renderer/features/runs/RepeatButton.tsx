import { useState } from 'react';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { PageRun } from '../../../electron/contract/page-contract.ts';
import { navigate } from '../../app/routes.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { showToast } from '../../ui/toasts.ts';

/** Begins the same comparison again and shows how it goes; nothing for runs of other kinds. */
export function RepeatButton({ run: { id, canRepeat } }: { readonly run: PageRun }) {
  const { client } = useHost();
  const [isBeginning, setBeginning] = useState(false);
  const repeat = async () => {
    setBeginning(true);
    try {
      await client.repeatRun({ id });
      navigate({ screen: 'compare', runId: null });
    } catch (error) {
      showToast(toLabError(error).message);
      setBeginning(false);
    }
  };
  if (!canRepeat) return null;
  return (
    <Button disabled={isBeginning} onClick={() => void repeat()}>
      {isBeginning ? 'Starting…' : 'Repeat'}
    </Button>
  );
}
