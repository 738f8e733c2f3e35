import { residentBytesNow } from '../memory.ts';
import { nativeAddon } from './addon.ts';

/** Resident memory of a process that will compute, with the addon loaded: the sampler is in it, whatever engine computes. */
export function residentBytesWithAddon(): number {
  nativeAddon();
  return residentBytesNow();
}
