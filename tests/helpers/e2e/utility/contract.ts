/** What the page asks of the host that stands in for the real one. */
import { z } from 'zod';
import { query } from '../../../../electron/contract/operation.ts';

export const utilityContract = {
  arguments: query({ input: z.null(), output: z.array(z.string()) }),
  decodeTwice: query({ input: z.null(), output: z.array(z.string()) }),
  loseEngine: query({ input: z.null(), output: z.strictObject({ error: z.string(), reason: z.string() }) }),
  closeEngine: query({ input: z.null(), output: z.strictObject({ pid: z.number(), reason: z.string() }) }),
};
export type UtilityContract = typeof utilityContract;
