/** Packed matrices back to values (native/src/matrix/codes.h). */
import type { MatrixLayout } from '../../contract/pack.ts';
import { nativeAddon, withCodes } from './addon.ts';

export interface PackedRows {
  readonly layout: MatrixLayout;
  readonly rows: number;
  readonly columns: number;
}

/** The values of rows whose groups are `bytes`. Throws bad-file and bad-request where these do not agree. */
export function unpackGroups({ layout, rows, columns }: PackedRows, bytes: Uint8Array): Float32Array {
  return withCodes(() => nativeAddon().unpackGroups(layout, rows, columns, bytes));
}
