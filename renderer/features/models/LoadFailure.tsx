import type { LoadSettings, LoadState } from '../../../electron/contract/machine.ts';
import { autoBudgetLabel } from '../../app/load-fix.ts';
import { Button } from '../../ui/Button.tsx';
import { formatNumber } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';

/** Why the engine is gone, and the button that fixes it. */
export function LoadFailure({
  failed,
  settings,
  onLoad,
}: {
  readonly failed: LoadState & { readonly state: 'failed' };
  readonly settings: LoadSettings;
  readonly onLoad: (settings: LoadSettings, force: boolean) => void;
}) {
  const { fix, error } = failed;
  const action =
    fix.kind === 'reload' ? (
      <Button size="small" onClick={() => onLoad(settings, false)}>
        Load again
      </Button>
    ) : fix.kind === 'lower-context' ? (
      <Button size="small" onClick={() => onLoad({ ...settings, context: fix.context }, false)}>
        Load with a context of {formatNumber(fix.context)}
      </Button>
    ) : fix.kind === 'auto-budget' ? (
      <Button
        size="small"
        onClick={() =>
          onLoad({ ...settings, context: fix.context ?? settings.context, memoryBudget: 'auto' }, false)
        }
      >
        {autoBudgetLabel(fix)}
      </Button>
    ) : null;
  return (
    <Notice level="error" title={`${failed.title} is not in memory.`} actions={action}>
      {error.message}
      {fix.kind === 'choose-model' && ' Choose another model.'}
    </Notice>
  );
}
