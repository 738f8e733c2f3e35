import { useState } from 'react';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { PageRun } from '../../../electron/contract/page-contract.ts';
import { navigate } from '../../app/routes.ts';
import { useHost } from '../../ipc/host-context.ts';
import { useAnswer } from '../../ipc/use-answer.ts';
import { Button } from '../../ui/Button.tsx';
import { ConfirmDialog } from '../../ui/ConfirmDialog.tsx';
import { formatBytes, formatCount, formatNumber } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { showToast } from '../../ui/toasts.ts';
import { comparisonOf } from '../compare/result.ts';
import { AnswerView } from '../settings/AnswerView.tsx';
import { ExportMenu } from './ExportMenu.tsx';
import { RepeatButton } from './RepeatButton.tsx';
import { RunFigures } from './RunFigures.tsx';
import { kindNames, whenText } from './run-list.ts';

/** One run: how it was computed, and every number of it. */
export function RunDetails({ runId, onRemoved }: { readonly runId: string; readonly onRemoved: () => void }) {
  const { client } = useHost();
  const [answer, again] = useAnswer((options) => client.readRun({ id: runId }, options));
  return (
    <AnswerView answer={answer} what="The run" onRetry={again}>
      {(run) => <Details run={run} onRemoved={onRemoved} />}
    </AnswerView>
  );
}

function Details({ run, onRemoved }: { readonly run: PageRun; readonly onRemoved: () => void }) {
  const { client } = useHost();
  const [isRemoving, setRemoving] = useState(false);
  const remove = async () => {
    setRemoving(false);
    try {
      await client.removeRun({ id: run.id });
      showToast(`${run.title} removed`);
      onRemoved();
    } catch (error) {
      showToast(toLabError(error).message);
    }
  };
  return (
    <Panel
      title={<span className="whitespace-normal">{run.title}</span>}
      aside={
        <span className="ml-auto flex gap-2">
          <Button variant="quiet" onClick={() => setRemoving(true)}>
            Remove…
          </Button>
          <RepeatButton run={run} />
          <ExportMenu run={run} />
          {run.kind === 'compare' && (
            <Button variant="primary" onClick={() => navigate({ screen: 'compare', runId: run.id })}>
              Open in Compare
            </Button>
          )}
        </span>
      }
    >
      <div className="grid grid-cols-[minmax(0,1fr)_392px] border-t border-line wide:grid-cols-[minmax(0,1fr)_560px]">
        <RunFigures run={run} />
        <Circumstances run={run} />
      </div>
      {isRemoving && (
        <RemoveDialog run={run} onClose={() => setRemoving(false)} onRemove={() => void remove()} />
      )}
    </Panel>
  );
}

function Circumstances({ run }: { readonly run: PageRun }) {
  const { kind, at, modelName, modelIdentity, engine, arithmetic, device, threads, seed, machine, versions } =
    run;
  const facts = [
    ['What', kindNames[kind]],
    ['When', whenText(at)],
    [kind === 'compare' ? 'Reference' : 'Model', modelName],
    ['Identity', modelIdentity.slice(0, 16)],
    ['Computed by', `${engine}, ${arithmetic}, ${device}, ${formatCount(threads, 'thread')}`],
    ['Seed', seed === null ? 'none: always the likeliest token' : formatNumber(seed).replaceAll(',', '')],
    ['Prompt', promptText(run)],
    ['Machine', `${machine.cpu}, ${formatCount(machine.cores, 'core')}, ${formatBytes(machine.memoryBytes)}`],
    ['System', machine.os],
    [
      'Versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
  ] as const;
  return (
    <section aria-label="How it was computed" className="border-l border-line pt-2">
      <dl className="grid grid-cols-[96px_minmax(0,1fr)] gap-x-3 gap-y-1 px-3">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-text-muted">{name}</dt>
            <dd className="break-words">{value}</dd>
          </div>
        ))}
      </dl>
      <details className="px-3 py-3">
        <summary className="cursor-default text-text-muted">Settings</summary>
        <pre
          role="group"
          aria-label="Settings"
          tabIndex={0}
          className="scrollable max-h-60 font-token text-1 break-words whitespace-pre-wrap focus-visible:shadow-ring"
        >
          {JSON.stringify(run.settings, null, 2)}
        </pre>
      </details>
    </section>
  );
}

/** Its words where the run has them, and its length. */
function promptText(run: PageRun): string {
  const length = formatCount(run.promptIds.length, 'token');
  const words = comparisonOf(run)?.prompt ?? '';
  return words === '' ? length : `“${words}”, ${length}`;
}

function RemoveDialog({
  run,
  onClose,
  onRemove,
}: {
  readonly run: PageRun;
  readonly onClose: () => void;
  readonly onRemove: () => void;
}) {
  return (
    <ConfirmDialog title="Remove this run?" action="Remove" onConfirm={onRemove} onClose={onClose}>
      {run.title}, {whenText(run.at)}: its numbers and settings are deleted. Models and files that were
      exported stay.
    </ConfirmDialog>
  );
}
