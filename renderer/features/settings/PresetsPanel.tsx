import { useState } from 'react';
import type { Preset } from '../../../electron/contract/settings.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Cell, Row, Table } from '../../ui/Table.tsx';
import { TextField } from '../../ui/TextField.tsx';
import { showToast } from '../../ui/toasts.ts';
import type { SettingsPanelProps } from './LookPanel.tsx';
import { presetText, renamed } from './presets.ts';

export interface PresetsPanelProps extends Pick<SettingsPanelProps, 'onChange'> {
  readonly presets: readonly Preset[];
  /** Puts a deleted one back. */
  readonly onRestore: (preset: Preset, index: number) => void;
}

export function PresetsPanel({ presets, onChange, onRestore }: PresetsPanelProps) {
  const [renaming, setRenaming] = useState<Preset | null>(null);
  const remove = (preset: Preset, index: number) => {
    onChange({ presets: presets.filter(({ id }) => id !== preset.id) });
    showToast(`Preset ${preset.name} deleted`, { label: 'Undo', run: () => onRestore(preset, index) });
  };
  return (
    <Panel title="Presets">
      {presets.length === 0 && (
        <p className="px-3 pb-3 text-1 text-text-muted">
          None yet. In a chat, Sampling keeps a system prompt and sampling under a name.
        </p>
      )}
      {presets.length > 0 && (
        <Table aria-label="Presets" className="mb-2">
          <tbody>
            {presets.map((preset, index) => (
              <Row key={preset.id}>
                <Cell className="w-1/3 max-w-0 truncate font-strong">{preset.name}</Cell>
                <Cell className="max-w-0 truncate text-1 text-text-muted" title={presetText(preset)}>
                  {presetText(preset)}
                </Cell>
                <Cell isFigure className="w-44">
                  <span className="inline-flex gap-2">
                    <Button
                      size="small"
                      aria-label={`Rename ${preset.name}`}
                      onClick={() => setRenaming(preset)}
                    >
                      Rename…
                    </Button>
                    <Button
                      size="small"
                      aria-label={`Delete ${preset.name}`}
                      onClick={() => remove(preset, index)}
                    >
                      Delete
                    </Button>
                  </span>
                </Cell>
              </Row>
            ))}
          </tbody>
        </Table>
      )}
      {renaming && (
        <RenameDialog
          preset={renaming}
          onClose={() => setRenaming(null)}
          onRename={(name) => onChange({ presets: renamed(presets, renaming.id, name) })}
        />
      )}
    </Panel>
  );
}

const longestName = 100;

function RenameDialog({
  preset,
  onClose,
  onRename,
}: {
  readonly preset: Preset;
  readonly onClose: () => void;
  readonly onRename: (name: string) => void;
}) {
  const [name, setName] = useState(preset.name);
  const isNamed = name.trim() !== '';
  const rename = () => {
    if (!isNamed) return;
    onRename(name.trim());
    onClose();
  };
  return (
    <Dialog
      title="Rename preset"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" aria-disabled={!isNamed} onClick={rename}>
            Rename
          </Button>
        </>
      }
    >
      <TextField
        label="Name"
        value={name}
        maxLength={longestName}
        error={isNamed ? null : 'A preset has a name.'}
        onChange={(event) => setName(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') rename();
        }}
      />
    </Dialog>
  );
}
