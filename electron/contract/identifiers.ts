/** The few shapes that every other part of the contract uses. */
import { z } from 'zod';

/** Names of models, chats, messages, runs, jobs and caches: safe as parts of a path. */
export const Id = z.string().regex(/^[a-z0-9-]{1,64}$/, 'an id is 1 to 64 of a–z, 0–9 and -');
export const count = z.int().nonnegative();
export const bytes = z.number().nonnegative();
/** Milliseconds since 1970. */
export const time = z.number().nonnegative();
/** The longest text that an operation takes, in characters. */
export const textLimit = 16_777_216;
export const text = z.string().max(textLimit);
/** What a person is told: a code for programs, a sentence for people. */
export const Failure = z.strictObject({ code: z.string(), message: z.string() });
export type Failure = z.infer<typeof Failure>;
