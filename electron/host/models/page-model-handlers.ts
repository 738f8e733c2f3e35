import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';

type Modelling = Pick<
  Handlers<PageContract>,
  | 'listModels'
  | 'importModel'
  | 'adoptModel'
  | 'forgetModel'
  | 'inspectModel'
  | 'tensorStatistics'
  | 'listModelFolders'
  | 'addModelFolder'
  | 'removeModelFolder'
>;

export function pageModelHandlers({ models }: Pick<Services, 'models'>): Modelling {
  return {
    listModels: () => models.list(),
    importModel: ({ grant }, { signal }) => models.import(grant, signal),
    adoptModel: ({ id }, { signal }) => models.adopt(id, signal),
    async forgetModel({ id }) {
      await models.forget(id);
      return null;
    },
    inspectModel: ({ id }, { signal }) => models.inspect(id, signal),
    async tensorStatistics({ id, ...input }, context) {
      await models.statistics(id, input, context);
      return null;
    },
    listModelFolders: () => models.listFolders(),
    addModelFolder: ({ grant }) => models.addFolder(grant),
    async removeModelFolder({ id }) {
      await models.removeFolder(id);
      return null;
    },
  };
}
