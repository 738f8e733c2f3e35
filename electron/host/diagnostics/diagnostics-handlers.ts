import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';

type Diagnosing = Pick<Handlers<PageContract>, 'diagnostics' | 'dataFolder'>;

export function diagnosticsHandlers({ diagnostics }: Pick<Services, 'diagnostics'>): Diagnosing {
  return {
    diagnostics: () => diagnostics.text(),
    dataFolder: () => diagnostics.dataFolder(),
  };
}
