import { useEffect, useState } from 'react';
import { useStore } from 'zustand';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { Job } from '../../../electron/contract/host-contract.ts';
import { useApp, useAppActions } from '../../app/app-context.ts';
import { navigate } from '../../app/routes.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { EmptyState } from '../../ui/EmptyState.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { showToast } from '../../ui/toasts.ts';
import { defaultModel } from '../models/model-list.ts';
import { draftStore, fillModels, missingFrom, requestOf, type Draft } from './draft.ts';
import { PricePanel } from './PricePanel.tsx';
import { PromptPanel } from './PromptPanel.tsx';
import { ScreenHead } from './ScreenHead.tsx';
import { TextPanel } from './TextPanel.tsx';
import { usePrice } from './use-price.ts';
import { VariantsPanel } from './VariantsPanel.tsx';

/** A comparison is put together and priced before anything runs. `waiting`: the one that runs or was interrupted. */
export function SetUp({
  waiting,
  onBack,
  onBegin,
}: {
  readonly waiting: Job | null;
  readonly onBack: () => void;
  readonly onBegin: (job: Job) => void;
}) {
  const models = useApp((state) => state.models);
  const error = useApp((state) => state.modelsError);
  const { readModels } = useAppActions();
  return (
    <>
      <ScreenHead
        title="Compare"
        about="Two to four models or settings, measured in turn and read token by token"
      >
        {waiting && (
          <Button onClick={onBack}>{waiting.canResume ? 'The interrupted one' : 'The running one'}</Button>
        )}
      </ScreenHead>
      <div className="scrollable grid min-h-0 auto-rows-max content-start gap-3 p-4">
        {error !== null && (
          <Notice
            level="error"
            title="The list of models cannot be read."
            actions={
              <Button size="small" onClick={() => void readModels()}>
                Try again
              </Button>
            }
          >
            {error}
          </Notice>
        )}
        {models === null && error === null && <p className="text-text-muted">Looking for models…</p>}
        {models?.length === 0 && <NoModels />}
        {models && models.length > 0 && <Form onBegin={onBegin} />}
      </div>
    </>
  );
}

function NoModels() {
  return (
    <EmptyState
      title="No models to compare"
      actions={
        <Button variant="primary" onClick={() => navigate({ screen: 'models', modelId: null })}>
          Add a model…
        </Button>
      }
    >
      One model is enough: its settings can be compared too.
    </EmptyState>
  );
}

function Form({ onBegin }: { readonly onBegin: (job: Job) => void }) {
  const { client } = useHost();
  const models = useApp((state) => state.models) ?? [];
  const engine = useApp((state) => state.engine);
  const draft = useStore(draftStore);
  const { price, before, variants, again } = usePrice(draft);
  const [isBeginning, setBeginning] = useState(false);
  const usual = defaultModel(models, engine);
  useEffect(() => {
    if (usual !== null) fillModels(usual);
  }, [usual]);
  const begin = async () => {
    const request = requestOf(draft);
    if (!request) return;
    setBeginning(true);
    try {
      onBegin(await client.startComparison(request));
    } catch (error) {
      setBeginning(false);
      showToast(toLabError(error).message);
      again(); // what is free may be another amount now
    }
  };
  return (
    <>
      <VariantsPanel draft={draft} models={models} priced={variants} />
      <div className="grid grid-cols-2 gap-3">
        <PromptPanel draft={draft} />
        <TextPanel draft={draft} />
      </div>
      <PricePanel
        price={price}
        before={before}
        missing={missingFrom(draft)}
        reads={readsOf(draft)}
        isBeginning={isBeginning}
        onRetry={again}
        onBegin={() => void begin()}
      />
    </>
  );
}

/** What of the comparison depends on the draft alone. */
function readsOf({ maxTokens, text, weightErrors }: Draft) {
  return { maxTokens, hasText: text !== null, weightErrors };
}
