import { useState } from 'react';
import type { Preset } from '../../../electron/contract/settings.ts';
import { useApp, useAppActions } from '../../app/app-context.ts';
import { Button } from '../../ui/Button.tsx';
import { Select } from '../../ui/Select.tsx';
import { TextField } from '../../ui/TextField.tsx';
import { newPresetId } from './presets.ts';
import { useChatSettings } from './use-chat-settings.ts';

/** System prompt and sampling under a name: to take one, and to keep what is set as one. */
export function PresetBar({
  draftPrompt,
  onChosen,
}: {
  /** The system prompt as it stands in the field. */
  readonly draftPrompt: string;
  readonly onChosen: (preset: Preset) => void;
}) {
  const presets = useApp((state) => state.settings.presets);
  const { changeSettings } = useAppActions();
  const { settings, change } = useChatSettings();
  const [name, setName] = useState<string | null>(null);
  const choose = (id: string) => {
    const preset = presets.find((candidate) => candidate.id === id);
    if (!preset) return;
    void change({ systemPrompt: preset.systemPrompt, sampling: preset.sampling });
    onChosen(preset);
  };
  const save = () => {
    const title = name?.trim() ?? '';
    if (title === '') return;
    const preset = { id: newPresetId(), name: title, systemPrompt: draftPrompt, sampling: settings.sampling };
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
