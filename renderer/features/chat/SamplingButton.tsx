import { useState } from 'react';
import { SamplingParameters, type SamplingChoice } from '../../../electron/contract/sampling.ts';
import { useApp } from '../../app/app-context.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { formatNumber } from '../../ui/format.ts';
import { Slider } from '../../ui/Slider.tsx';
import { TextField } from '../../ui/TextField.tsx';
import { PresetBar, type PresetContent } from './PresetBar.tsx';
import { samplingName } from './presets.ts';
import { useChatSettings } from './use-chat-settings.ts';

type Knob =
  | 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'presencePenalty' | 'frequencyPenalty'; // prettier-ignore

interface KnobText {
  readonly knob: Knob;
  readonly label: string;
  readonly explanation: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  readonly digits: number;
  /** What a value means that is no amount. */
  readonly named?: { readonly value: number; readonly text: string };
}

const knobs: readonly KnobText[] = [
  { knob: 'temperature', label: 'Temperature', explanation: 'How freely a token is drawn. 0 always takes the likeliest one.',
    minimum: 0, maximum: 2, step: 0.05, digits: 2, named: { value: 0, text: '0, greedy' } },
  { knob: 'topK', label: 'Top k', explanation: 'Only so many of the likeliest tokens are drawn from.',
    minimum: 0, maximum: 200, step: 1, digits: 0, named: { value: 0, text: 'all' } },
  { knob: 'topP', label: 'Top p', explanation: 'Only the likeliest tokens that together reach this probability.',
    minimum: 0.05, maximum: 1, step: 0.05, digits: 2, named: { value: 1, text: '1, all' } },
  { knob: 'minP', label: 'Min p', explanation: 'Only tokens at least so likely, as a share of the likeliest one.',
    minimum: 0, maximum: 0.5, step: 0.01, digits: 2, named: { value: 0, text: '0, off' } },
  { knob: 'repetitionPenalty', label: 'Repetition penalty', explanation: 'Makes tokens that were there less likely. 1 does nothing.',
    minimum: 1, maximum: 2, step: 0.05, digits: 2, named: { value: 1, text: '1, off' } },
  { knob: 'presencePenalty', label: 'Presence penalty', explanation: 'Taken once from each token that was there.',
    minimum: -2, maximum: 2, step: 0.1, digits: 1, named: { value: 0, text: '0, off' } },
  { knob: 'frequencyPenalty', label: 'Frequency penalty', explanation: 'Taken from a token for each time that it was there.',
    minimum: -2, maximum: 2, step: 0.1, digits: 1, named: { value: 0, text: '0, off' } },
]; // prettier-ignore

export function SamplingButton() {
  const presets = useApp((state) => state.settings.presets);
  const { settings } = useChatSettings();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button variant="quiet" size="small" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Sampling: {samplingName(settings.sampling, presets)}
      </Button>
      {isOpen && <SamplingDialog onClose={() => setOpen(false)} />}
    </>
  );
}

/** One object for all: a selector that makes another each time would have the page drawn without end. */
const nothingOwn: SamplingChoice = {};

function SamplingDialog({ onClose }: { readonly onClose: () => void }) {
  const { settings, change } = useChatSettings();
  const [{ systemPrompt, sampling: choice }, setDraft] = useState<PresetContent>({
    systemPrompt: settings.systemPrompt,
    sampling: settings.sampling,
  });
  const [maxTokens, setMaxTokens] = useState(settings.maxTokens);
  const own = useApp(({ engine }) => (engine.state === 'ready' ? engine.info.generation : nothingOwn));
  const defaults = { ...SamplingParameters.parse({}), ...own };
  const set = (fields: SamplingChoice) =>
    setDraft((before) => ({ ...before, sampling: { ...before.sampling, ...fields } }));
  const save = async () => {
    await change({ systemPrompt, sampling: choice, maxTokens });
    onClose();
  };
  return (
    <Dialog
      title="Sampling"
      width="wide"
      onClose={onClose}
      footer={
        <>
          <Button
            className="mr-auto"
            onClick={() => {
              setDraft({ systemPrompt, sampling: {} });
              setMaxTokens(null);
            }}
          >
            The model’s own
          </Button>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" onClick={() => void save()}>
            Save
          </Button>
        </>
      }
    >
      <div className="grid gap-3">
        <PresetBar draft={{ systemPrompt, sampling: choice }} onChosen={setDraft} />
        {systemPrompt !== settings.systemPrompt && (
          <p className="text-text-muted">Saved, the preset’s system prompt is this chat’s too.</p>
        )}
        {knobs.map((text) => (
          <KnobRow
            key={text.knob}
            text={text}
            value={choice[text.knob] ?? defaults[text.knob] ?? text.minimum}
            isOwn={choice[text.knob] === undefined}
            onChange={(value) => set({ [text.knob]: value })}
          />
        ))}
        <div className="grid grid-cols-2 gap-4">
          <WholeNumberField
            label="Seed"
            description="The same seed draws the same tokens. Empty: another one each time."
            value={choice.seed ?? null}
            minimum={0}
            onChange={(seed) => set({ seed: seed ?? undefined })}
          />
          <WholeNumberField
            label="Longest reply"
            description="Empty: as long as the settings and the context allow."
            unit="tokens"
            value={maxTokens}
            minimum={1}
            onChange={setMaxTokens}
          />
        </div>
      </div>
    </Dialog>
  );
}

function KnobRow({
  text: { label, explanation, minimum, maximum, step, digits, named },
  value,
  isOwn,
  onChange,
}: {
  readonly text: KnobText;
  readonly value: number;
  /** Not set here: the model's author or Retort says it. */
  readonly isOwn: boolean;
  readonly onChange: (value: number) => void;
}) {
  const figure = named?.value === value ? named.text : formatNumber(value, digits);
  return (
    <div>
      <Slider
        label={label}
        value={Math.min(maximum, Math.max(minimum, value))}
        minimum={minimum}
        maximum={maximum}
        step={step}
        figure={isOwn ? `${figure} (default)` : figure}
        onChange={(next) => onChange(Number(next.toFixed(digits)))}
      />
      <p className="text-1 text-text-muted">{explanation}</p>
    </div>
  );
}

function WholeNumberField({
  label,
  description,
  unit,
  value,
  minimum,
  onChange,
}: {
  readonly label: string;
  readonly description: string;
  readonly unit?: string;
  readonly value: number | null;
  readonly minimum: number;
  /** Null: empty. */
  readonly onChange: (value: number | null) => void;
}) {
  const [text, setText] = useState(value === null ? '' : String(value));
  const isValid = (typed: string) => /^\d{1,15}$/.test(typed) && Number(typed) >= minimum;
  const isWrong = text !== '' && !isValid(text);
  return (
    <TextField
      label={label}
      description={description}
      inputMode="numeric"
      suffix={unit}
      value={text}
      error={isWrong ? `A whole number from ${minimum} on.` : null}
      onChange={(event) => {
        const typed = event.target.value.trim();
        setText(typed);
        if (typed === '') onChange(null);
        else if (isValid(typed)) onChange(Number(typed));
      }}
    />
  );
}
