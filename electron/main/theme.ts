/** Light or dark before the page has come: as the settings say, else as the system is. */
import { nativeTheme } from 'electron';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../contract/settings.ts';

/** The page's own background in both themes (renderer/app/tokens.css). */
const backgrounds = { light: '#f7f7f5', dark: '#131517' };

export function setUpTheme(home: string): void {
  nativeTheme.themeSource = readTheme(join(home, 'settings.json'));
}

export function backgroundColor(): string {
  return nativeTheme.shouldUseDarkColors ? backgrounds.dark : backgrounds.light;
}

/** Only the host checks and mends that file. */
function readTheme(file: string): Settings['theme'] {
  try {
    const { theme } = JSON.parse(readFileSync(file, 'utf8')) as { readonly theme?: unknown };
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  } catch {
    return 'system';
  }
}
