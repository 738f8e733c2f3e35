/** The window's menu with the platform's own shortcuts. What it says, the page does. */
import { app, BrowserWindow, Menu, type MenuItemConstructorOptions } from 'electron';
import { shellChannels, type ShellCommand } from '../contract/shell.ts';

type Item = MenuItemConstructorOptions;
const separator: Item = { type: 'separator' };

function item(label: string, command: ShellCommand, accelerator: string): Item {
  return { label, accelerator, click: () => send(command) };
}

function send(command: ShellCommand): void {
  const window = BrowserWindow.getFocusedWindow() ?? BrowserWindow.getAllWindows()[0];
  window?.webContents.send(shellChannels.command, command);
}

export function setUpMenu(): void {
  Menu.setApplicationMenu(Menu.buildFromTemplate(template(process.platform === 'darwin', app.isPackaged)));
}

function template(isMac: boolean, isPackaged: boolean): Item[] {
  const settings = item('Settings…', 'settings', 'CmdOrCtrl+,');
  return [
    ...(isMac ? [applicationMenu(settings)] : []),
    {
      label: '&File',
      submenu: [
        item('New Chat', 'new-chat', 'CmdOrCtrl+N'),
        item('Import Model…', 'import-model', 'CmdOrCtrl+O'),
        ...(isMac ? [] : [separator, settings]),
        separator,
        isMac ? { role: 'close' } : { role: 'quit' },
      ],
    },
    { role: 'editMenu' },
    viewMenu(isPackaged),
    { role: 'windowMenu' },
    { role: 'help', submenu: [item('Keyboard Shortcuts', 'shortcuts', 'CmdOrCtrl+/')] },
  ];
}

function applicationMenu(settings: Item): Item {
  return {
    role: 'appMenu',
    submenu: [
      { role: 'about' },
      separator,
      settings,
      separator,
      { role: 'services' },
      separator,
      { role: 'hide' },
      { role: 'hideOthers' },
      { role: 'unhide' },
      separator,
      { role: 'quit' },
    ],
  };
}

function viewMenu(isPackaged: boolean): Item {
  return {
    label: '&View',
    submenu: [
      item('Chat', 'go-chat', 'CmdOrCtrl+1'),
      item('Compare', 'go-compare', 'CmdOrCtrl+2'),
      item('Cache', 'go-cache', 'CmdOrCtrl+3'),
      item('Models', 'go-models', 'CmdOrCtrl+4'),
      item('Runs', 'go-runs', 'CmdOrCtrl+5'),
      separator,
      item('Search Chats', 'search', 'CmdOrCtrl+Shift+F'),
      item('Command Palette…', 'palette', 'CmdOrCtrl+K'),
      item('Instruments', 'instruments', 'CmdOrCtrl+I'),
      separator,
      { role: 'reload' },
      ...(isPackaged ? [] : [{ role: 'toggleDevTools' } satisfies Item]),
      separator,
      { role: 'resetZoom' },
      { role: 'zoomIn' },
      { role: 'zoomOut' },
      { role: 'togglefullscreen' },
    ],
  };
}
