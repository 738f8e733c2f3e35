import { useContext } from 'react';
import { AppContext, useApp, useAppActions } from '../../app/app-context.ts';
import type { Preset, SettingsChange } from '../../../electron/contract/settings.ts';
import { CachesPanel } from './CachesPanel.tsx';
import { DataPanel } from './DataPanel.tsx';
import { FoldersPanel } from './FoldersPanel.tsx';
import { LookPanel } from './LookPanel.tsx';
import { restored } from './presets.ts';
import { PresetsPanel } from './PresetsPanel.tsx';
import { RunningPanel } from './RunningPanel.tsx';

export function SettingsScreen() {
  const settings = useApp((state) => state.settings);
  const cores = useApp((state) => state.machine?.cores ?? 1);
  const actions = useAppActions();
  const change = (next: SettingsChange) => void actions.changeSettings(next);
  const store = useContext(AppContext);
  // Pressed later: among the presets that there are then.
  const restore = (preset: Preset, index: number) =>
    change({ presets: restored(store?.getState().settings.presets ?? [], preset, index) });
  return (
    <div className="row-start-2 grid min-h-0 grid-rows-[auto_minmax(0,1fr)]">
      <header className="flex h-(--bar) items-center border-b border-line px-4">
        <h1 className="text-3 font-strong">Settings</h1>
      </header>
      <div className="scrollable p-4">
        <div className="grid max-w-330 grid-cols-2 items-start gap-3">
          <div className="grid gap-3">
            <LookPanel settings={settings} onChange={change} />
            <RunningPanel settings={settings} cores={cores} onChange={change} />
            <PresetsPanel presets={settings.presets} onChange={change} onRestore={restore} />
          </div>
          <div className="grid gap-3">
            <FoldersPanel />
            <CachesPanel />
            <DataPanel />
          </div>
        </div>
      </div>
    </div>
  );
}
