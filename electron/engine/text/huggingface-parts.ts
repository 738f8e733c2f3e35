/** Reading parts of tokenizer.json. */
import type { z } from 'zod';
import { badFile, LabError } from '../../contract/errors.ts';

export const tokenizerFile = 'tokenizer.json';

/** Checks a part of tokenizer.json. Throws `bad-file` naming the field. */
export function readPart<S extends z.ZodType>(schema: S, value: unknown, field: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = [field, ...(issue?.path ?? []).map(String)].filter((part) => part !== '').join('.');
  throw badFile(issue?.message ?? 'is malformed', { file: tokenizerFile, field: path });
}

/** A component that Retort does not implement. */
export function unsupportedPart(field: string, type: string): LabError {
  return new LabError('unsupported-feature', `${tokenizerFile}, ${field}: ${type} is not supported.`, {
    file: tokenizerFile,
    field,
  });
}
