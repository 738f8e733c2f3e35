import type { PageRun } from '../../../electron/contract/page-contract.ts';
import { navigate } from '../../app/routes.ts';
import { useHost } from '../../ipc/host-context.ts';
import { useAnswer } from '../../ipc/use-answer.ts';
import { Button } from '../../ui/Button.tsx';
import { formatNumber } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { AnswerView } from '../settings/AnswerView.tsx';
import { ExportMenu } from '../runs/ExportMenu.tsx';
import { RepeatButton } from '../runs/RepeatButton.tsx';
import { comparisonOf } from './result.ts';
import { ResultView } from './ResultView.tsx';
import { ScreenHead } from './ScreenHead.tsx';

const begin = () => navigate({ screen: 'compare', runId: null });

/** A comparison that is done: a run. */
export function RunResult({ runId }: { readonly runId: string }) {
  const { client } = useHost();
  const [answer, again] = useAnswer((options) => client.readRun({ id: runId }, options));
  return (
    <>
      <ScreenHead title="Comparison" about={answer && 'value' in answer ? aboutText(answer.value) : ''}>
        {answer && 'value' in answer && (
          <>
            <RepeatButton run={answer.value} />
            <ExportMenu run={answer.value} />
          </>
        )}
        <Button variant="primary" onClick={begin}>
          New comparison…
        </Button>
      </ScreenHead>
      <div className="scrollable grid min-h-0 auto-rows-max content-start gap-3 p-4">
        <AnswerView answer={answer} what="The comparison" onRetry={again}>
          {(run) => <Shown run={run} />}
        </AnswerView>
      </div>
    </>
  );
}

function aboutText(run: PageRun): string {
  const when = new Date(run.at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
  return `${run.title} · ${when}`;
}

function Shown({ run }: { readonly run: PageRun }) {
  const comparison = comparisonOf(run);
  if (comparison) return <ResultView comparison={comparison} fileName={`retort-${run.id}`} />;
  return (
    <Notice level="warning" title="This run is no comparison that can be shown.">
      It is of kind {run.kind} with {formatNumber(Object.keys(run.figures).length)} figures: open it in Runs.
    </Notice>
  );
}
