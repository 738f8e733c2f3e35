import { Search } from 'lucide-react';
import { useState } from 'react';
import { RunKind, type RunSummary } from '../../../electron/contract/host-contract.ts';
import { navigate, useRoute } from '../../app/routes.ts';
import { useHost } from '../../ipc/host-context.ts';
import { useAnswer } from '../../ipc/use-answer.ts';
import { Button } from '../../ui/Button.tsx';
import { EmptyState } from '../../ui/EmptyState.tsx';
import { SegmentedControl, type Segment } from '../../ui/SegmentedControl.tsx';
import { TextField } from '../../ui/TextField.tsx';
import { JobProgress } from '../compare/JobProgress.tsx';
import { isOpen, useJobs } from '../compare/use-jobs.ts';
import { AnswerView } from '../settings/AnswerView.tsx';
import { RunDetails } from './RunDetails.tsx';
import { RunPair } from './RunPair.tsx';
import { countText, filterRuns, kindNames } from './run-list.ts';
import { RunTable } from './RunTable.tsx';
import { useEndedJobs } from './use-ended-jobs.ts';

type Kind = RunKind | 'all';
const mostRuns = 2000;
const segments: readonly Segment<Kind>[] = [
  { value: 'all', label: 'all' },
  ...RunKind.options.map((kind) => ({ value: kind, label: kindNames[kind] })),
];
const beginComparison = () => navigate({ screen: 'compare', runId: null });

/** Everything that was measured, one row each; one is opened, two stand side by side. */
export function RunsScreen() {
  const { client } = useHost();
  const [kind, setKind] = useState<Kind>('all');
  const [words, setWords] = useState('');
  const [answer, again] = useAnswer((options) => client.listRuns({ kind: null, limit: mostRuns }, options));
  const [jobs, jobsAgain] = useJobs();
  useEndedJobs(jobs, again);
  const runs = answer && 'value' in answer ? answer.value : [];
  const shown = filterRuns(kind === 'all' ? runs : runs.filter((run) => run.kind === kind), words);
  const open = jobs?.filter(isOpen) ?? [];
  return (
    <div className="row-start-2 grid min-h-0 min-w-0 grid-rows-[auto_minmax(0,1fr)]">
      <header className="flex h-(--bar) items-center gap-3 border-b border-line px-4 whitespace-nowrap">
        <h1 className="text-3 font-strong">Runs</h1>
        <span role="status" className="text-1 text-text-muted">
          {answer ? countText(runs.length, shown.length) : ''}
        </span>
        <TextField
          label="Filter runs"
          hidesLabel
          type="search"
          prefix={<Search size={14} aria-hidden className="shrink-0 text-text-muted" />}
          placeholder="Filter by model, kind, machine, date"
          className="w-72"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
        <SegmentedControl label="Kind of run" value={kind} segments={segments} onChange={setKind} />
        <Button variant="primary" className="ml-auto" onClick={beginComparison}>
          New comparison…
        </Button>
      </header>
      <div className="scrollable grid min-h-0 auto-rows-max content-start gap-3 p-4">
        {open.map((job) => (
          <section
            key={job.id}
            aria-label={`Job: ${job.title}`}
            className="rounded-2 border border-line bg-surface-raised p-3"
          >
            <JobProgress job={job} onChange={jobsAgain} />
          </section>
        ))}
        <AnswerView answer={answer} what="The list of runs" onRetry={again}>
          {(all) => <Listed all={all} shown={shown} onChange={again} />}
        </AnswerView>
      </div>
    </div>
  );
}

function Listed({
  all,
  shown,
  onChange,
}: {
  readonly all: readonly RunSummary[];
  readonly shown: readonly RunSummary[];
  readonly onChange: () => void;
}) {
  const route = useRoute();
  const [runId, otherId] = route.screen === 'runs' ? [route.runId, route.otherId] : [null, null];
  if (all.length === 0) return <NoRuns />;
  const choose = (first: string | null, second: string | null) =>
    navigate({ screen: 'runs', runId: first, otherId: first === null ? null : second }, 'replace');
  return (
    <>
      <RunTable runs={shown} chosen={[runId, otherId].filter((id) => id !== null)} onChoose={choose} />
      {runId !== null && otherId !== null && (
        <RunPair key={`${runId} ${otherId}`} leftId={runId} rightId={otherId} />
      )}
      {runId !== null && otherId === null && (
        <RunDetails
          key={runId}
          runId={runId}
          onRemoved={() => {
            choose(null, null);
            onChange();
          }}
        />
      )}
    </>
  );
}

function NoRuns() {
  return (
    <EmptyState
      title="No runs yet"
      actions={
        <Button variant="primary" onClick={beginComparison}>
          New comparison…
        </Button>
      }
    >
      Every comparison is kept here with all that is needed to do it again. Benchmarks, perplexities and
      replies of the command line are listed too: <code className="font-token">npx retort bench MODEL</code>
    </EmptyState>
  );
}
