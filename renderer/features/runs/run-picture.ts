/** A run as one picture: what it was, and its charts or its figures. */
import type { PageRun } from '../../../electron/contract/page-contract.ts';
import { writeText } from '../../charts/canvas-text.ts';
import { barsHeight, drawBars } from '../../charts/draw-bars.ts';
import type { Size } from '../../charts/draw-chart.ts';
import { drawHeatmap, heatmapHeight } from '../../charts/draw-heatmap.ts';
import { drawScatter } from '../../charts/draw-scatter.ts';
import { drawPart, type Draw } from '../../charts/picture.ts';
import type { Theme } from '../../charts/theme.ts';
import { letterOf } from '../compare/draft.ts';
import { errorCells, errorMap, partName } from '../compare/errors-map.ts';
import {
  barGroups,
  comparisonOf,
  qualityNote,
  scatterPoints,
  scatterView,
  variantRows,
  type Comparison,
} from '../compare/result.ts';
import { figuresOf, figureText } from './run-figures.ts';
import { kindNames, whenText } from './run-list.ts';

interface Part {
  readonly height: number;
  readonly draw: Draw;
}

const [width, margin, gap, lineHeight] = [960, 24, 20, 20];

export function runPicture(run: PageRun): { readonly size: Size; readonly draw: Draw } {
  const comparison = comparisonOf(run);
  const parts = [headPart(run), ...(comparison ? comparisonParts(comparison) : [figuresPart(run)])];
  const height = parts.reduce((sum, part) => sum + part.height + gap, 2 * margin - gap);
  return {
    size: { width, height },
    draw: (context, _size, theme) => {
      let top = margin;
      for (const part of parts) {
        const size = { width: width - 2 * margin, height: part.height };
        drawPart(context, { left: margin, top, size }, (own) => part.draw(own, size, theme));
        top += part.height + gap;
      }
    },
  };
}

function headPart(run: PageRun): Part {
  const { kind, title, at, machine, engine, arithmetic } = run;
  const about = [kindNames[kind], whenText(at), machine.cpu, `${engine}, ${arithmetic}`].join(' · ');
  return {
    height: 2 * lineHeight,
    draw: (context, size, theme) => {
      context.font = theme.strongFont;
      context.fillStyle = theme.colour('--text');
      writeText(context, title, { x: 0, y: 14, width: size.width });
      context.font = theme.font;
      context.fillStyle = theme.colour('--text-muted');
      writeText(context, about, { x: 0, y: 14 + lineHeight, width: size.width });
    },
  };
}

function comparisonParts(comparison: Comparison): Part[] {
  const groups = barGroups(comparison);
  const height = Math.max(280, barsHeight(groups));
  const charts: Part = {
    height,
    draw: (context, size, theme) => {
      const half = { width: (size.width - gap) / 2, height };
      const view = scatterView(comparison, scatterPoints(comparison), null);
      drawPart(context, { left: 0, top: 0, size: half }, (own) => drawScatter(own, half, view, theme));
      const right = { left: half.width + gap, top: 0, size: half };
      drawPart(context, right, (own) => drawBars(own, half, groups, theme));
    },
  };
  return [variantsPart(comparison), charts, ...errorParts(comparison)];
}

/** Where cells of the table of variants end, from the left. */
const ends = [300, 360, 430, 560, 680, 790, 850, 912] as const;
const heads = ['bits', 'MiB', 'mean KL, nats', 'top-1', 'perplexity', 'tokens/s', 'first, ms'] as const;

function variantsPart(comparison: Comparison): Part {
  const rows = variantRows(comparison);
  const note = qualityNote(comparison);
  const lines = [
    ['variant', ...heads],
    ...rows.map((row) => [
      `${row.letter} ${row.label}`,
      row.bits,
      row.size,
      `${row.kl} ${row.klSpread}`,
      `${row.topOne} ${row.topOneSpread}`,
      `${row.perplexity} ${row.perplexitySpread}`,
      row.tokensPerSecond,
      row.firstToken,
    ]),
  ];
  return {
    height: (lines.length + 1) * lineHeight,
    draw: (context, size, theme) => {
      context.font = theme.font;
      lines.forEach((cells, line) => drawLine(context, cells, line, theme));
      context.fillStyle = theme.colour('--text-muted');
      writeText(context, note ?? 'KL on the reply: no text was read', {
        x: 0,
        y: (lines.length + 1) * lineHeight - 6,
        width: size.width,
      });
    },
  };
}

function drawLine(
  context: CanvasRenderingContext2D,
  cells: readonly string[],
  line: number,
  theme: Theme,
): void {
  const y = (line + 1) * lineHeight - 6;
  context.fillStyle = theme.colour(line === 0 ? '--text-muted' : '--text');
  cells.forEach((text, column) => {
    if (column === 0) writeText(context, text, { x: 0, y, width: ends[0] - 40 });
    else writeText(context, text.trim(), { x: ends[column] ?? 0, y, align: 'right' });
  });
  context.fillStyle = theme.colour('--line');
  context.fillRect(0, y + 5, ends[7], 1);
}

const errorRowHeight = 20;

function errorParts({ weights, labels }: Comparison): Part[] {
  if (!weights) return [];
  return weights.errors.flatMap((_, variant) => {
    const map = errorMap(weights, variant);
    if (!map || map.parts.length === 0) return [];
    const title = `${letterOf(variant + 1)} ${labels[variant + 1] ?? ''}: relative RMS error of weights, ${map.bottom} to ${map.top}`;
    const height = heatmapHeight(map.parts.length, errorRowHeight);
    return [
      {
        height: height + lineHeight,
        draw: (context: CanvasRenderingContext2D, size: Size, theme: Theme) => {
          context.font = theme.font;
          context.fillStyle = theme.colour('--text');
          writeText(context, title, { x: 0, y: 12, width: size.width });
          const picture = {
            cells: errorCells(map),
            rowName: 'part',
            columnName: 'layer',
            rowLabels: map.parts.map(partName),
            marked: null,
          };
          const own = { width: size.width, height };
          drawPart(context, { left: 0, top: lineHeight, size: own }, (part) =>
            drawHeatmap(part, own, picture, theme),
          );
        },
      },
    ];
  });
}

const mostFigures = 60;

function figuresPart(run: PageRun): Part {
  const figures = figuresOf(run).slice(0, mostFigures);
  return {
    height: Math.max(1, figures.length) * lineHeight,
    draw: (context, size, theme) => {
      context.font = theme.font;
      figures.forEach(({ name, value }, line) => {
        const y = (line + 1) * lineHeight - 6;
        context.fillStyle = theme.colour('--text-muted');
        writeText(context, name, { x: 0, y, width: size.width / 2 });
        context.fillStyle = theme.colour('--text');
        writeText(context, figureText(value), { x: size.width / 2 + 120, y, align: 'right' });
      });
    },
  };
}
