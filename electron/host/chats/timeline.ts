/** The tokens of a reply, kept compressed: one with ten alternatives each is about a kilobyte a token before. */
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { LabError } from '../../contract/errors.ts';
import type { ReplyToken } from '../../contract/chats.ts';
import type { TraceRecord } from '../../contract/trace.ts';

export interface Timeline {
  readonly tokens: readonly ReplyToken[];
  /** Steps that drew no token. */
  readonly prefill: readonly TraceRecord[];
}

/** Far above the longest reply; a damaged block must not fill the memory. */
const longestBytes = 500_000_000;

export function packTimeline({ tokens, prefill }: Timeline): Promise<Uint8Array> {
  return promisify(gzip)(JSON.stringify({ tokens, prefill }), { level: 1 });
}

/** Throws bad-file. */
export async function unpackTimeline(
  data: Uint8Array,
): Promise<{ tokens: ReplyToken[]; prefill: TraceRecord[] }> {
  try {
    const json = await promisify(gunzip)(data, { maxOutputLength: longestBytes });
    return JSON.parse(json.toString()) as { tokens: ReplyToken[]; prefill: TraceRecord[] };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new LabError(
      'bad-file',
      `retort.db: the timeline of this reply is damaged (${why}). Its text is kept.`,
    );
  }
}
