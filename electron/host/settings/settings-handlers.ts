import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';

type Setting = Pick<Handlers<PageContract>, 'changeSettings'>;

export function settingsHandlers({ settings }: Pick<Services, 'settings'>): Setting {
  return { changeSettings: (change) => settings.change(change) };
}
