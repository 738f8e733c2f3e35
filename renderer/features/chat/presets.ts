import type { SamplingChoice } from '../../../electron/contract/sampling.ts';
import type { Preset } from '../../../electron/contract/settings.ts';

const idLength = 12;

/** A new id of lower-case letters and digits. */
export function newPresetId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(idLength));
  return Array.from(bytes, (byte) => (byte % 36).toString(36)).join('');
}

function isSameChoice(one: SamplingChoice, other: SamplingChoice): boolean {
  const set = (choice: SamplingChoice) =>
    JSON.stringify(
      Object.entries(choice)
        .filter(([, value]) => value !== undefined)
        .sort(),
    );
  return set(one) === set(other);
}

/** "precise", "the model’s own", "changed": what the sampling is, in a word. */
export function samplingName(sampling: SamplingChoice, presets: readonly Preset[]): string {
  if (isSameChoice(sampling, {})) return 'the model’s own';
  return presets.find((preset) => isSameChoice(preset.sampling, sampling))?.name ?? 'changed';
}
