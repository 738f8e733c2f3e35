import { useState } from 'react';
import type { Preset } from '../../../electron/contract/settings.ts';
import { useApp, useAppActions } from '../../app/app-context.ts';
import { Button } from '../../ui/Button.tsx';
import { Select } from '../../ui/Select.tsx';
import { TextField } from '../../ui/TextField.tsx';
import { newPresetId } from './presets.ts';

export type PresetContent = Pick<Preset, 'systemPrompt' | 'sampling'>;

/** System prompt and sampling under a name: to take one into the dialog around, and to keep what stands there as one. */
export function PresetBar({
  draft,
  onChosen,
}: {
  /** As it stands in the dialog. */
  readonly draft: PresetContent;
  readonly onChosen: (content: PresetContent) => void;
}) {
  const presets = useApp((state) => state.settings.presets);
  const { changeSettings } = useAppActions();
  const [name, setName] = useState<string | null>(null);
  const choose = (id: string) => {
    const preset = presets.find((candidate) => candidate.id === id);
    if (preset) onChosen({ systemPrompt: preset.systemPrompt, sampling: preset.sampling });
  };
  const save = () => {
    const title = name?.trim() ?? '';
    if (title === '') return;
    const preset = { id: newPresetId(), name: title, ...draft };
    void changeSettings({ presets: [...presets, preset] });
    setName(null);
  };
  if (name !== null) {
    return (
      <form
        className="flex items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <TextField
          label="Name of the preset"
          autoFocus
          maxLength={100}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Button type="submit" variant="primary">
          Keep
        </Button>
        <Button onClick={() => setName(null)}>Cancel</Button>
      </form>
    );
  }
  return (
    <div className="flex items-end gap-2">
      {presets.length > 0 && (
        <Select
          label="Preset"
          value=""
          options={[
            { value: '', label: 'Choose…' },
            ...presets.map(({ id, name: title }) => ({ value: id, label: title })),
          ]}
          onChange={choose}
        />
      )}
      <Button onClick={() => setName('')}>Save as a preset…</Button>
    </div>
  );
}
