import type { LoadState, PageModel } from '../../../electron/contract/machine.ts';
import { useApp } from '../../app/app-context.ts';

/** The model that a message goes to: the one in memory or on its way there, else the last, else the one that comes with Retort. */
export function modelForSending(
  engine: LoadState,
  lastModel: string | null,
  models: readonly PageModel[] | null,
): string | null {
  if (engine.state !== 'none') return engine.model;
  const present = (models ?? []).filter(({ isPresent }) => isPresent);
  const known = present.find(({ id }) => id === lastModel) ?? present.find(({ kind }) => kind === 'bundled');
  return known?.id ?? null;
}

export function useModelForSending(): string | null {
  return useApp(({ engine, settings, models }) => modelForSending(engine, settings.lastModel, models));
}
