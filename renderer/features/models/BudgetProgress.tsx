import type { LoadState } from '../../../electron/contract/machine.ts';
import { Button } from '../../ui/Button.tsx';
import { formatBytes, formatMilliseconds } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { ProgressBar } from '../../ui/ProgressBar.tsx';
import type { BudgetChange } from '../../app/budget-change.ts';
import { useNow } from './use-now.ts';

/** The loaded model is given another budget: it waits for a growing reply, then reads what is to stay in memory. */
export function BudgetProgress({
  change: { budget, startedAt },
  engine,
  onCancel,
}: {
  readonly change: BudgetChange;
  readonly engine: LoadState;
  readonly onCancel: () => void;
}) {
  const now = useNow();
  const isWaiting = engine.state === 'ready' && engine.isBusy;
  return (
    <ProgressBar
      title={`Changing the budget to ${budget === 'auto' ? 'what is free' : formatBytes(budget)}`}
      done={0}
      total={0}
      figures={[
        isWaiting ? 'after the reply that is being written' : 'reading what stays in memory',
        formatMilliseconds(Math.max(0, now - startedAt)),
      ]}
      action={
        <Button size="small" onClick={onCancel}>
          Cancel
        </Button>
      }
    />
  );
}

/** Why it was not given; the one before holds. */
export function BudgetFailure({
  change: { error },
  onClose,
}: {
  readonly change: BudgetChange;
  readonly onClose: () => void;
}) {
  if (error === null) return null;
  return (
    <Notice
      level="error"
      title="The budget was not changed."
      actions={
        <Button size="small" onClick={onClose}>
          Close
        </Button>
      }
    >
      {error}
    </Notice>
  );
}
