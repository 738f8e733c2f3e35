import { nativeAddon } from './addon.ts';

/**
 * Gives back what the C library's heap holds of memory that nobody uses: up to 64 MiB after some replies, whose logits pass through it.
 * Takes some milliseconds: between two replies, not within one.
 */
export function releaseHeapPages(): void {
  nativeAddon().releaseHeapPages();
}
