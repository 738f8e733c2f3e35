/**
 * How an operation is declared: once, with its kind and schemas. Handler types, clients and tests derive from it.
 * query: reads; command: changes; stream: chunks, then one final value.
 */
import type { z } from 'zod';

export interface Query<I extends z.ZodType, O extends z.ZodType> {
  readonly kind: 'query';
  readonly input: I;
  readonly output: O;
}
export interface Command<I extends z.ZodType, O extends z.ZodType> {
  readonly kind: 'command';
  readonly input: I;
  readonly output: O;
}
export interface Stream<I extends z.ZodType, C extends z.ZodType, D extends z.ZodType> {
  readonly kind: 'stream';
  readonly input: I;
  readonly chunk: C;
  readonly done: D;
}
export type Operation =
  Query<z.ZodType, z.ZodType> | Command<z.ZodType, z.ZodType> | Stream<z.ZodType, z.ZodType, z.ZodType>;
export type Contract = Readonly<Record<string, Operation>>;

export function query<I extends z.ZodType, O extends z.ZodType>(shape: { input: I; output: O }): Query<I, O> {
  return { kind: 'query', ...shape };
}
export function command<I extends z.ZodType, O extends z.ZodType>(shape: {
  input: I;
  output: O;
}): Command<I, O> {
  return { kind: 'command', ...shape };
}
export function stream<I extends z.ZodType, C extends z.ZodType, D extends z.ZodType>(shape: {
  input: I;
  chunk: C;
  done: D;
}): Stream<I, C, D> {
  return { kind: 'stream', ...shape };
}
