import { useRef, useState } from 'react';
import { Button } from '../../ui/Button.tsx';
import { formatNumber } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Switch } from '../../ui/Switch.tsx';
import { TextArea } from '../../ui/TextArea.tsx';
import { readFiles } from '../chat/read-files.ts';
import { changeDraft, limits, type Draft } from './draft.ts';
import { NumberField } from './NumberField.tsx';

/** A longer text is shown by its beginning alone: a field with megabytes in it would hang the page. */
const mostEditable = 200_000;

/** The text on which quality is measured: a file or what is pasted; none is needed. */
export function TextPanel({ draft: { text, context, tokens, weightErrors } }: { readonly draft: Draft }) {
  const input = useRef<HTMLInputElement>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const take = async (files: readonly File[]) => {
    const read = await readFiles(files);
    const [file] = read.files;
    setRefused(read.refused[0] ?? null);
    if (file) changeDraft({ text: file });
  };
  const isLong = (text?.text.length ?? 0) > mostEditable;
  return (
    <Panel
      title="Text for quality"
      aside={
        <>
          <span className="truncate text-1 text-text-muted">
            {text
              ? `${text.name}, ${formatNumber(text.text.length)} characters`
              : 'none: only the prompt is compared'}
          </span>
          <span className="ml-auto flex gap-2">
            {text && (
              <Button size="small" variant="quiet" onClick={() => changeDraft({ text: null })}>
                Leave out
              </Button>
            )}
            <Button size="small" onClick={() => input.current?.click()}>
              Open a file…
            </Button>
            <input
              ref={input}
              type="file"
              accept=".txt,.md,text/*"
              aria-label="Text for quality, a file"
              className="hidden"
              onChange={({ target }) => {
                void take([...(target.files ?? [])]);
                target.value = '';
              }}
            />
          </span>
        </>
      }
    >
      <div className="grid gap-3 px-3 pb-3">
        {refused !== null && (
          <Notice level="error" title="The file was not taken.">
            {refused}
          </Notice>
        )}
        <TextArea
          label="Perplexity, KL and top-1 are measured on it; some thousand words give narrow intervals"
          rows={5}
          readOnly={isLong}
          placeholder="Paste a text, or open a file"
          value={isLong ? `${text?.text.slice(0, 2000)}…` : (text?.text ?? '')}
          onChange={({ target }) =>
            changeDraft({ text: target.value === '' ? null : { name: 'Pasted text', text: target.value } })
          }
        />
        <div className="flex flex-wrap items-end gap-3">
          <NumberField
            label="Window"
            unit="tokens"
            value={context}
            least={2}
            most={limits.context}
            onChange={(value) => changeDraft({ context: value ?? 2 })}
          />
          <NumberField
            label="Read at most"
            unit="tokens"
            value={tokens}
            least={2}
            most={limits.tokens}
            empty="all"
            onChange={(value) => changeDraft({ tokens: value })}
          />
          <Switch
            label="Compare weights too"
            isOn={weightErrors}
            onChange={(isOn) => changeDraft({ weightErrors: isOn })}
          />
        </div>
      </div>
    </Panel>
  );
}
