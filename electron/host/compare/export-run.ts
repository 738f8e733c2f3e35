/** A run as a file for people and programs. No format names a place of a file. */
import { CompareResult, type Report, type ReportFormat } from '../../contract/compare.ts';
import type { Run } from '../../contract/host-contract.ts';
import { comparisonCsv, figuresCsv } from './report-csv.ts';
import { comparisonPage, figuresPage } from './report-html.ts';
import { pageRun } from './without-places.ts';

export function exportRun(run: Run, format: ReportFormat): Report {
  const shown = pageRun(run);
  const name = `retort-${run.kind}-${new Date(run.at).toISOString().slice(0, 10)}-${run.id.slice(0, 8)}`;
  const file = { fileName: `${name}.${format}` };
  const result = run.kind === 'compare' ? CompareResult.safeParse(run.figures).data : undefined;
  switch (format) {
    case 'json':
      return { ...file, mediaType: 'application/json', text: `${JSON.stringify(shown, null, 2)}\n` };
    case 'csv':
      return {
        ...file,
        mediaType: 'text/csv',
        text: result ? comparisonCsv(result) : figuresCsv(shown.figures),
      };
    case 'html':
      return {
        ...file,
        mediaType: 'text/html',
        text: result ? comparisonPage(shown, result) : figuresPage(shown),
      };
  }
}
