import type { LoadState } from '../../../electron/contract/machine.ts';
import { useNow } from './use-now.ts';
import { Button } from '../../ui/Button.tsx';
import { ProgressBar } from '../../ui/ProgressBar.tsx';
import { loadFigures } from './load-progress.ts';

/** Loading a model: phase, done of total, rate, time left, and Cancel. */
export function LoadProgress({
  loading,
  onCancel,
}: {
  readonly loading: LoadState & { readonly state: 'loading' };
  readonly onCancel: () => void;
}) {
  const figures = loadFigures(loading, useNow());
  return (
    <ProgressBar
      {...figures}
      title={`${figures.title}: ${loading.title}`}
      action={
        <Button size="small" onClick={onCancel}>
          Cancel
        </Button>
      }
    />
  );
}
