import { useState } from 'react';
import type { ModelSummary } from '../../../electron/contract/model-summary.ts';
import type { LoadState, PageModel } from '../../../electron/contract/machine.ts';
import type { Answer } from '../../ipc/use-answer.ts';
import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { ExpertPanel } from './ExpertPanel.tsx';
import { BudgetFailure, BudgetProgress } from './BudgetProgress.tsx';
import { ContentsPanel } from './ContentsPanel.tsx';
import { fileText, headFacts, mainType } from './facts.ts';
import { FitPanel, type FitPanelProps } from './FitPanel.tsx';
import { ForgetDialog } from './ForgetDialog.tsx';
import { LoadActions, type LoadActionsProps } from './LoadActions.tsx';
import { LoadFailure } from './LoadFailure.tsx';
import { formatName } from './model-list.ts';
import { LoadProgress } from './LoadProgress.tsx';
import type { BudgetChange } from '../../app/budget-change.ts';
import { packCommand } from './streaming.ts';
import { TensorPanel } from './TensorPanel.tsx';

export interface ModelDetailsProps
  extends
    Omit<FitPanelProps, 'modelId' | 'actions' | 'packCommand'>,
    Pick<LoadActionsProps, 'onLoad' | 'onUnload' | 'onBudget'> {
  readonly model: PageModel;
  readonly summary: Answer<ModelSummary>;
  readonly engine: LoadState;
  readonly budgetChange: BudgetChange | null;
  readonly onLeaveBudget: () => void;
  readonly onForget: () => void;
  readonly onInspect: () => void;
}

/** One model: what it is, whether it fits, what is in it. */
export function ModelDetails(props: ModelDetailsProps) {
  const { model, summary: answer, engine } = props;
  const summary = answer && 'value' in answer ? answer.value : null;
  return (
    <div className="scrollable flex min-h-0 flex-col gap-3 p-4">
      <div className="grid gap-3">
        <Head model={model} summary={summary} onForget={props.onForget} />
        <States {...props} />
      </div>
      {summary && (
        <>
          <div className="grid grid-cols-[minmax(0,1fr)_300px] gap-3 wide:grid-cols-[minmax(0,1fr)_420px]">
            {summary.supported ? (
              <FitPanel
                {...props}
                modelId={model.id}
                packCommand={packCommand(model, summary)}
                actions={<Actions {...props} model={model} engine={engine} />}
              />
            ) : (
              <div className="self-start">
                <Notice level="warning" title="Retort cannot run this model.">
                  {summary.unsupportedReason ?? 'No family of models takes it.'}
                </Notice>
              </div>
            )}
            {/* As high as what stands beside it, however much it holds. */}
            <div className="relative min-h-50">
              <div className="absolute inset-0 grid">
                <ContentsPanel summary={summary} />
              </div>
            </div>
          </div>
          {engine.state === 'ready' && engine.model === model.id && engine.info.streaming?.experts && (
            <ExpertPanel isBusy={engine.isBusy} budgetBytes={engine.info.streaming.budgetBytes} />
          )}
          <TensorPanel key={model.id} model={model.id} summary={summary} />
        </>
      )}
    </div>
  );
}

function Head({
  model,
  summary,
  onForget,
}: {
  readonly model: PageModel;
  readonly summary: ModelSummary | null;
  readonly onForget: () => void;
}) {
  const [isAsking, setIsAsking] = useState(false);
  const type = summary && mainType(summary);
  return (
    <div className="flex items-end gap-4">
      <div className="min-w-0">
        <h2 className="truncate text-4 font-strong">
          {model.title}
          {type !== null && !model.title.includes(type) && (
            <span className="font-normal text-text-muted"> · {type}</span>
          )}
        </h2>
        <p className="truncate text-1 text-text-muted">
          {[model.place, summary ? fileText(summary.files) : formatName(model.format)].join(' · ')}
        </p>
      </div>
      <dl className="ml-auto flex gap-5 text-right whitespace-nowrap">
        {summary &&
          headFacts(summary).map(({ label, value }) => (
            <div key={label} className="flex flex-col-reverse">
              <dt className="text-1 text-text-muted">{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {model.kind === 'added' && <Button onClick={() => setIsAsking(true)}>Forget…</Button>}
      {isAsking && (
        <ForgetDialog
          model={model}
          onClose={() => setIsAsking(false)}
          onForget={() => {
            setIsAsking(false);
            onForget();
          }}
        />
      )}
    </div>
  );
}

/** What stands in the way, and what to do about it. */
function States(props: ModelDetailsProps) {
  const { model, summary: answer, engine, budgetChange, onInspect } = props;
  return (
    <>
      {!model.isPresent && (
        <Notice level="error" title="It is not where it was.">
          Its file or folder ({model.place}) was moved, renamed or deleted, or its disk is not connected. Put
          it back, or forget it here and add it anew.
        </Notice>
      )}
      {model.isPresent && answer === null && <p className="text-text-muted">Reading its headers…</p>}
      {model.isPresent && answer && 'error' in answer && (
        <Notice
          level="error"
          title="Its headers cannot be read."
          actions={
            <Button size="small" onClick={onInspect}>
              Read again
            </Button>
          }
        >
          {answer.error}
        </Notice>
      )}
      {budgetChange && <BudgetFailure change={budgetChange} onClose={props.onLeaveBudget} />}
      {engine.state === 'failed' && engine.model === model.id && (
        <LoadFailure failed={engine} settings={props.settings} onLoad={props.onLoad} />
      )}
    </>
  );
}

function Actions(props: ModelDetailsProps) {
  const { model, engine, answer, settings, budgetChange, onLoad, onUnload, onBudget } = props;
  if (engine.state === 'loading' && engine.model === model.id) {
    return (
      <div className="w-80">
        <LoadProgress loading={engine} onCancel={onUnload} />
      </div>
    );
  }
  if (budgetChange?.error === null) {
    return (
      <div className="w-80">
        <BudgetProgress change={budgetChange} engine={engine} onCancel={props.onLeaveBudget} />
      </div>
    );
  }
  const fit = answer && 'value' in answer ? answer.value : null;
  return <LoadActions {...{ model, engine, fit, settings, onLoad, onUnload, onBudget }} />;
}
