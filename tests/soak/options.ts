import { parseArgs } from 'node:util';

const soakParts = ['kills', 'chat'] as const;
type SoakPart = (typeof soakParts)[number];

/** Of `npm run test:soak`; main.ts says what they mean. */
export function readOptions(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { minutes: { type: 'string' }, document: { type: 'boolean', default: false } },
  });
  const minutes = values.minutes === undefined ? Infinity : Number(values.minutes);
  const chosen = soakParts.filter((part) => positionals.length === 0 || positionals.includes(part));
  const isKnown = positionals.every((name) => soakParts.includes(name as SoakPart));
  if (!isKnown || !(minutes > 0))
    throw new Error('It takes `kills` or `chat`, `--minutes N` and `--document`.');
  return { minutes, document: values.document, chosen };
}
