import type { LoadSettings } from '../../contract/machine.ts';
import type { Services } from '../services.ts';
import type { Wanted } from './loaded-model.ts';

/** A model by its id, with what was asked for, then what the settings say. Throws not-found. */
export async function wantedModel(
  services: Pick<Services, 'models' | 'settings'>,
  id: string,
  asked?: LoadSettings,
): Promise<Wanted> {
  const [{ path, title }, usual] = await Promise.all([services.models.pathOf(id), services.settings.read()]);
  return {
    id,
    path,
    title,
    context: asked?.context ?? usual.defaultContext,
    kvCodec: asked?.kvCodec ?? usual.kvCodec,
    threads: asked?.threads ?? usual.threads,
    memoryBudget: asked?.memoryBudget ?? usual.memoryBudgets[id] ?? null,
  };
}

/** What to load when the app opens: the model of the last time, where it still is, else the one that comes with Retort. */
export async function firstModel(services: Pick<Services, 'models' | 'settings'>): Promise<Wanted | null> {
  const [{ lastModel }, models] = await Promise.all([services.settings.read(), services.models.list()]);
  const there = models.filter(({ isPresent }) => isPresent);
  const chosen = there.find(({ id }) => id === lastModel) ?? there.find(({ kind }) => kind === 'bundled');
  return chosen ? wantedModel(services, chosen.id) : null;
}
