import { Theme, type Settings, type SettingsChange } from '../../../electron/contract/settings.ts';
import { Panel } from '../../ui/Panel.tsx';
import { SegmentedControl } from '../../ui/SegmentedControl.tsx';
import { Switch } from '../../ui/Switch.tsx';

const themeLabels: Readonly<Record<Settings['theme'], string>> = {
  system: 'as the system',
  light: 'light',
  dark: 'dark',
};

export interface SettingsPanelProps {
  readonly settings: Settings;
  readonly onChange: (change: SettingsChange) => void;
}

export function LookPanel({ settings, onChange }: SettingsPanelProps) {
  return (
    <Panel title="Look">
      <div className="grid gap-3 px-3 pb-3">
        <div className="flex items-center justify-between gap-3">
          <span className="text-text-muted">Theme</span>
          <SegmentedControl
            label="Theme"
            value={settings.theme}
            segments={Theme.options.map((theme) => ({ value: theme, label: themeLabels[theme] }))}
            onChange={(theme) => onChange({ theme })}
          />
        </div>
        <Switch
          label="Show the instruments beside a chat"
          isOn={settings.showsInstruments}
          onChange={(showsInstruments) => onChange({ showsInstruments })}
        />
      </div>
    </Panel>
  );
}
