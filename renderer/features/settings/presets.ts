/** Presets: a system prompt and sampling under a name. Pure. */
import type { Preset } from '../../../electron/contract/settings.ts';
import { formatNumber } from '../../ui/format.ts';

/** "temperature 0.2, top-p 0.9; system prompt of 120 characters". */
export function presetText({ sampling, systemPrompt }: Preset): string {
  const { temperature, topK, topP, minP, seed } = sampling;
  const figures = [
    ['temperature', temperature], ['top-k', topK], ['top-p', topP], ['min-p', minP], ['seed', seed],
  ] as const; // prettier-ignore
  const chosen = figures.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  const prompt =
    systemPrompt === ''
      ? 'no system prompt'
      : `system prompt of ${formatNumber(systemPrompt.length)} characters`;
  return `${chosen.length === 0 ? 'sampling as the model’s author set it' : chosen.join(', ')}; ${prompt}`;
}

export function renamed(presets: readonly Preset[], id: string, name: string): Preset[] {
  return presets.map((preset) => (preset.id === id ? { ...preset, name } : preset));
}

/** Back at the place where it was. */
export function restored(presets: readonly Preset[], preset: Preset, index: number): Preset[] {
  const others = presets.filter(({ id }) => id !== preset.id);
  return [...others.slice(0, index), preset, ...others.slice(index)];
}
