/** Figures as the interface writes them: units always, MiB and GiB, thousands commas, a true minus. */
const figures = new Map<number, Intl.NumberFormat>();

function figure(digits: number): Intl.NumberFormat {
  let format = figures.get(digits);
  if (!format) {
    format = new Intl.NumberFormat('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
    figures.set(digits, format);
  }
  return format;
}

export function formatNumber(value: number, digits = 0): string {
  return figure(digits).format(value).replace('-', '−');
}

/** With as many figures as count, however small the value: "0.0246", "148.2", "1,579". */
export function formatFigures(value: number, figures: number): string {
  const short = Number(value.toPrecision(figures));
  return formatNumber(short, short.toFixed(10).replace(/0+$/, '').split('.')[1]?.length ?? 0);
}

const kibi = 1024;
const mebi = kibi ** 2;
const gibi = kibi ** 3;

/** "1,384 KiB"-like steps below a MiB, then "28.7 MiB", then "1.42 GiB". */
export function formatBytes(bytes: number): string {
  const size = Math.abs(bytes);
  if (size >= gibi) return `${formatNumber(bytes / gibi, size >= 100 * gibi ? 0 : 2)} GiB`;
  if (size >= mebi) return `${formatNumber(bytes / mebi, size >= 100 * mebi ? 0 : 1)} MiB`;
  if (size >= kibi) return `${formatNumber(bytes / kibi)} KiB`;
  return `${formatNumber(bytes)} B`;
}

/** "7.0 ms", "393 ms", "2.9 s", "1 min 40 s", "2 h 5 min". */
export function formatMilliseconds(milliseconds: number): string {
  if (milliseconds < 10) return `${formatNumber(milliseconds, 1)} ms`;
  if (milliseconds < 999.5) return `${formatNumber(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${formatNumber(milliseconds / 1000, 1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** Tokens a second: "148.2", "2,861". */
export function formatRate(perSecond: number): string {
  return formatNumber(perSecond, perSecond >= 1000 ? 0 : 1);
}

/** "1 token", "1,384 tokens". */
export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}
