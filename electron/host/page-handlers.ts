/** What pages may ask: every service's part of the page contract. */
import type { PageContract } from '../contract/page-contract.ts';
import { LabError } from '../contract/errors.ts';
import { pageContract } from '../contract/page-contract.ts';
import type { Handlers } from '../contract/rpc.ts';
import type { Services } from './services.ts';

export function pageHandlers(_services: Services): Handlers<PageContract> {
  const missing = Object.keys(pageContract).map((name) => [
    name,
    () => Promise.reject(new LabError('unsupported-feature', `${name} is not built yet.`)),
  ]);
  return Object.fromEntries(missing) as Handlers<PageContract>;
}
