/** Light, dark or the system's, said on the page's root; tokens.css does the rest. */
import type { Settings } from '../../electron/contract/settings.ts';

export function showTheme(theme: Settings['theme']): void {
  const root = document.documentElement;
  if (theme === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = theme;
}
