import { useEffect, useEffectEvent } from 'react';
import type { ShellCommand } from '../../electron/contract/shell.ts';
import { useImport } from '../features/models/use-import.ts';
import { useHost } from '../ipc/host-context.ts';
import type { ShortcutAction } from './shortcuts.ts';

const actions: Readonly<Record<ShellCommand, ShortcutAction>> = {
  'new-chat': 'new-chat',
  search: 'search',
  settings: 'go-settings',
  palette: 'palette',
  instruments: 'instruments',
  shortcuts: 'shortcuts',
  'import-model': 'go-models',
  'go-chat': 'go-chat',
  'go-compare': 'go-compare',
  'go-cache': 'go-cache',
  'go-models': 'go-models',
  'go-runs': 'go-runs',
};

/** Does what the window's menu says. */
export function useShellCommands(act: (action: ShortcutAction) => void): void {
  const { shell } = useHost();
  const { choose } = useImport();
  const onCommand = useEffectEvent((command: ShellCommand) => {
    act(actions[command]);
    if (command === 'import-model') void choose();
  });
  useEffect(() => shell?.onCommand((command) => onCommand(command)), [shell]);
}
