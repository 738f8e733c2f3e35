import { Panel } from '../../ui/Panel.tsx';
import { SegmentedControl } from '../../ui/SegmentedControl.tsx';
import { TextArea } from '../../ui/TextArea.tsx';
import { changeDraft, limits, type Draft } from './draft.ts';
import { NumberField } from './NumberField.tsx';

/** What every model is asked. */
export function PromptPanel({ draft: { prompt, promptKind, maxTokens } }: { readonly draft: Draft }) {
  return (
    <Panel
      title="Prompt"
      aside={
        <span className="ml-auto">
          <SegmentedControl
            label="The prompt is"
            value={promptKind}
            segments={[
              { value: 'chat', label: 'a message' },
              { value: 'text', label: 'a text that goes on' },
            ]}
            onChange={(value) => changeDraft({ promptKind: value })}
          />
        </span>
      }
    >
      <div className="grid gap-3 px-3 pb-3">
        <TextArea
          label={`${promptKind === 'chat' ? 'Every model answers this' : 'Every model goes on from this'}; the most likely token is taken each time`}
          rows={5}
          value={prompt}
          onChange={(event) => changeDraft({ prompt: event.target.value })}
        />
        <NumberField
          label="Longest reply"
          unit="tokens"
          value={maxTokens}
          most={limits.maxTokens}
          onChange={(value) => changeDraft({ maxTokens: value ?? 1 })}
        />
      </div>
    </Panel>
  );
}
