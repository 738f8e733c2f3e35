/** Runs and jobs as others may see them: no places of files. */
import { basename } from 'node:path';
import type { z } from 'zod';
import type { Job, Run } from '../../contract/host-contract.ts';
import type { PageRun } from '../../contract/page-contract.ts';
import { headlinesOf, titleOf } from '../runs/headlines.ts';

type Json = z.core.util.JSONType;

export function pageRun({ modelPath: _path, ...run }: Run): PageRun {
  return {
    ...run,
    settings: withoutPathFields(run.settings),
    figures: withoutPathFields(run.figures),
    title: titleOf(run),
    headlines: headlinesOf(run),
    canRepeat: run.kind === 'compare',
  };
}

function withoutPathFields(record: Readonly<Record<string, Json | undefined>>): Record<string, Json> {
  const kept = Object.entries(record).filter(([name, value]) => name !== 'path' && value !== undefined);
  return Object.fromEntries(kept.map(([name, value]) => [name, withoutPath(value as Json)]));
}

function withoutPath(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutPath);
  return typeof value === 'object' && value !== null ? withoutPathFields(value) : value;
}

/** Titles name files that jobs write: pages get names without folders. What jobs of the command line failed by may name any place. */
export function pageJob(job: Job): Job {
  const parts = job.title
    .split(' → ')
    .map((part) => (/[\\/]/.test(part) ? basename(part.replaceAll('\\', '/')) : part));
  const title = parts.join(' → ');
  if (job.error === null || job.kind === 'compare') return { ...job, title };
  const message = `It ended by ${job.error.code}; \`retort jobs\` says more.`;
  return { ...job, title, error: { ...job.error, message } };
}
