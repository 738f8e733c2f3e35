import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { ProgressBar } from '../../ui/ProgressBar.tsx';
import { workFigures } from './load-progress.ts';
import type { StatisticsRun } from './statistics-store.ts';
import { useNow } from './use-now.ts';

interface Props {
  readonly run: StatisticsRun;
  readonly onLeave: () => void;
}

/** Why values were not read to the end. */
export function StatisticsFailure({ run: { name, error }, onLeave }: Props) {
  return (
    <div className="px-3 pb-2">
      <Notice
        level="error"
        title={`The values of ${name ?? 'all tensors'} were not read to the end.`}
        actions={
          <Button size="small" onClick={onLeave}>
            Close
          </Button>
        }
      >
        {error}
      </Notice>
    </div>
  );
}

/** Values are being read: in the heading, so that the table stays where it is. */
export function StatisticsProgress({ run, onLeave }: Props) {
  const { name, done, total, startedAt } = run;
  const elapsedMs = useNow() - startedAt;
  return (
    <ProgressBar
      isInline
      title={`Reading the values of ${name ?? 'all tensors'}`}
      done={done}
      total={total}
      figures={workFigures({ done, total, elapsedMs, countsBytes: true })}
      action={
        <Button size="small" onClick={onLeave}>
          Cancel
        </Button>
      }
    />
  );
}
