/**
 * The one cursor: a place in time that every chart marks, whichever of them the person points at. `token` names the token under it by
 * the beginning and length of its step, which no other token of a reply shares.
 */
import { createStore } from 'zustand/vanilla';
import type { TraceRecord } from '../../electron/contract/trace.ts';

export interface CursorToken {
  readonly startNs: number;
  readonly totalNs: number;
}

export interface Cursor {
  /** Milliseconds since 1970; null: not known, as of a token long past. */
  readonly at: number | null;
  readonly token: CursorToken | null;
}

export const cursor = createStore<Cursor>(() => ({ at: null, token: null }));

export function pointAt(next: Partial<Cursor>): void {
  cursor.setState({ at: null, token: null, ...next });
}

export function leaveCursor(): void {
  pointAt({});
}

export function cursorToken({ startNs, timeNs }: TraceRecord): CursorToken {
  return { startNs, totalNs: timeNs.total };
}

export function isSameToken(left: CursorToken | null, right: CursorToken | null): boolean {
  if (!left || !right) return left === right;
  return left.startNs === right.startNs && left.totalNs === right.totalNs;
}
