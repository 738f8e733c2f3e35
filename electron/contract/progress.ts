import { z } from 'zod';

/** Progress of long work: what, how far, of how much (bytes or items). */
export const Progress = z.strictObject({
  phase: z.string(),
  done: z.number().nonnegative(),
  total: z.number().nonnegative(),
});
export type Progress = z.infer<typeof Progress>;
