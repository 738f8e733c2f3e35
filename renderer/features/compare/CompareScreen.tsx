import { useState } from 'react';
import type { Job } from '../../../electron/contract/host-contract.ts';
import { navigate, useRoute } from '../../app/routes.ts';
import { Button } from '../../ui/Button.tsx';
import { showToast } from '../../ui/toasts.ts';
import { JobProgress } from './JobProgress.tsx';
import { nothingYet } from './result.ts';
import { ResultView } from './ResultView.tsx';
import { RunResult } from './RunResult.tsx';
import { ScreenHead } from './ScreenHead.tsx';
import { SetUp } from './SetUp.tsx';
import { useComparison } from './use-comparison.ts';
import { isOpen, useJobs } from './use-jobs.ts';

/** Two to four models or settings beside each other: put together, made, and looked at. */
export function CompareScreen() {
  const route = useRoute();
  // While the next screen is loaded this one is still there.
  const runId = route.screen === 'compare' ? route.runId : null;
  return (
    <div className="row-start-2 grid min-h-0 min-w-0 grid-rows-[auto_minmax(0,1fr)]">
      {runId === null ? <Begin /> : <RunResult key={runId} runId={runId} />}
    </div>
  );
}

/** What runs or was interrupted is shown, also after the page was loaded again; else a comparison is put together. */
function Begin() {
  const [jobs, again] = useJobs();
  // Held until its end was told: the list may know of the end before.
  const [held, setHeld] = useState<Job | null>(null);
  // A list that does not know yet that the job has ended.
  const [endedIn, setEndedIn] = useState<readonly Job[] | null>(null);
  const [isSettingUp, setSettingUp] = useState(false);
  const comparisons = jobs?.filter((job) => job.kind === 'compare' && isOpen(job)) ?? [];
  const running = comparisons.find(({ canResume }) => !canResume);
  if (held === null && running && jobs !== endedIn) setHeld(running);
  const waiting = comparisons.find(({ canResume }) => canResume);
  const job = held ?? waiting ?? null;
  const onEnd = (ended: Job | null) => {
    setHeld(null);
    setEndedIn(jobs);
    again();
    if (!ended) return;
    if (ended.runId !== null) navigate({ screen: 'compare', runId: ended.runId }, 'replace');
    else if (ended.state === 'failed')
      showToast(`${ended.title} failed: ${ended.error?.message ?? 'the reason is not known.'}`);
  };
  const followed = useComparison(job, onEnd);
  if (jobs === null) return null;
  if (job === null || isSettingUp) {
    return (
      <SetUp
        waiting={job}
        onBack={() => setSettingUp(false)}
        onBegin={(started) => {
          setHeld(started);
          setSettingUp(false);
          again();
        }}
      />
    );
  }
  const latest = followed.job ?? job;
  return (
    <>
      <ScreenHead title={latest.canResume ? 'Interrupted comparison' : 'Comparing'} about={latest.title}>
        <Button onClick={() => setSettingUp(true)}>New comparison…</Button>
      </ScreenHead>
      <div className="scrollable grid min-h-0 auto-rows-max content-start gap-3 p-4">
        <section aria-label="Progress" className="rounded-2 border border-line bg-surface-raised p-3">
          <JobProgress key={latest.id} job={latest} isTitled onChange={again} />
        </section>
        {followed.comparison !== nothingYet && (
          <ResultView comparison={followed.comparison} fileName="retort-comparison" />
        )}
      </div>
    </>
  );
}
