import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';

type Noticing = Pick<Handlers<PageContract>, 'dismissNotice'>;

export function noticeHandlers({ notices }: Pick<Services, 'notices'>): Noticing {
  return {
    dismissNotice({ id }) {
      notices.dismiss(id);
      return Promise.resolve(null);
    },
  };
}
