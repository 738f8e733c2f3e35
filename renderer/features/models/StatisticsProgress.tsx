import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { ProgressBar } from '../../ui/ProgressBar.tsx';
import { workFigures } from './load-progress.ts';
import type { StatisticsRun } from './statistics-store.ts';
import { useNow } from './use-now.ts';

/** Values are being read, or why they were not. */
export function StatisticsProgress({
  run,
  onLeave,
}: {
  readonly run: StatisticsRun;
  readonly onLeave: () => void;
}) {
  const { name, error } = run;
  if (error === null) return <Running run={run} onLeave={onLeave} />;
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

function Running({ run, onLeave }: { readonly run: StatisticsRun; readonly onLeave: () => void }) {
  const { name, done, total, startedAt } = run;
  const elapsedMs = useNow() - startedAt;
  return (
    <div className="px-3 pb-2">
      <ProgressBar
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
    </div>
  );
}
