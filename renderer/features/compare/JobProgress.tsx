import { useState } from 'react';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { Job } from '../../../electron/contract/host-contract.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { ProgressBar } from '../../ui/ProgressBar.tsx';
import { showToast } from '../../ui/toasts.ts';
import { useNow } from '../models/use-now.ts';
import { jobFigures, phaseStart, type PhaseStart } from './job-figures.ts';

/** A job that runs, with Cancel, or one that was interrupted, with Resume. `onChange`: it was asked for something. */
export function JobProgress({
  job,
  isTitled = false,
  onChange,
}: {
  readonly job: Job;
  /** Its title stands above it already. */
  readonly isTitled?: boolean;
  readonly onChange: () => void;
}) {
  const { client } = useHost();
  const ask = async (action: () => Promise<unknown>) => {
    try {
      await action();
    } catch (error) {
      showToast(toLabError(error).message);
    }
    onChange();
  };
  const cancel = () => void ask(() => client.cancelJob({ id: job.id }));
  const resume = () => void ask(() => client.resumeJob({ id: job.id }));
  return job.canResume ? (
    <Interrupted job={job} onCancel={cancel} onResume={resume} />
  ) : (
    <Running job={job} isTitled={isTitled} onCancel={cancel} />
  );
}

function Running({
  job,
  isTitled,
  onCancel,
}: {
  readonly job: Job;
  readonly isTitled: boolean;
  readonly onCancel: () => void;
}) {
  const now = useNow();
  const [start, setStart] = useState<PhaseStart | null>(null);
  const [isCancelling, setCancelling] = useState(false);
  const next = phaseStart(start, job, now);
  if (next !== start) setStart(next);
  const { title, ...figures } = jobFigures(job, next, now);
  const doing = isCancelling ? 'cancelling' : title;
  return (
    <ProgressBar
      {...figures}
      title={isTitled ? `${doing.charAt(0).toUpperCase()}${doing.slice(1)}` : `${job.title}: ${doing}`}
      action={
        <Button
          size="small"
          disabled={isCancelling}
          onClick={() => {
            setCancelling(true);
            onCancel();
          }}
        >
          Cancel
        </Button>
      }
    />
  );
}

function Interrupted({
  job,
  onCancel,
  onResume,
}: {
  readonly job: Job;
  readonly onCancel: () => void;
  readonly onResume: () => void;
}) {
  const reason = job.error?.message ?? 'Retort ended while it ran.';
  return (
    <Notice
      level="warning"
      title={`${job.title} was interrupted`}
      actions={
        <>
          <Button size="small" variant="quiet" onClick={onCancel}>
            Give up
          </Button>
          <Button size="small" variant="primary" onClick={onResume}>
            Resume
          </Button>
        </>
      }
    >
      {reason} What is done is kept: it goes on where it was.
    </Notice>
  );
}
