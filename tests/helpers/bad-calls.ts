/** What a page that someone took over could send. Every one is to be answered with an error. */
import { pageContract, type PageContract } from '../../electron/contract/page-contract.ts';

export interface BadCall {
  readonly what: string;
  readonly operation: unknown;
  readonly input: unknown;
}

/** JSON.parse makes these names own fields, as a message that comes over a WebSocket does. */
const prototypeKeys: unknown = JSON.parse(
  '{"__proto__": {"id": "x", "isAdmin": true}, "constructor": {"prototype": {"polluted": true}}, "toString": 1}',
);

export const hostileIds: readonly [string, unknown][] = [
  ['a path that climbs', '../../etc/passwd'],
  ['an absolute path', '/etc/passwd'],
  ['an encoded path', '%2e%2e%2fetc%2fpasswd'],
  ['a path with NUL', 'model\0.gguf'],
  ['a Windows path', '..\\..\\windows\\win.ini'],
  ['an id of 65 characters', 'a'.repeat(65)],
  ['an empty id', ''],
  ['a name of Object.prototype', '__proto__'],
];

const inputs: readonly [string, unknown][] = [
  ['null', null],
  ['a number', 5],
  ['a text', '../../etc/passwd'],
  ['an array', [{}]],
  ['prototype keys', prototypeKeys],
  ['an unknown field', { unknown: 1 }],
  [
    'fields of the wrong type',
    { id: {}, text: [], chatId: 7, change: 'x', files: 1, query: {}, model: null, replyId: [] },
  ],
];

/** Operations and those of their fields that are ids: each gets every hostile id. */
export function idFields(): [keyof PageContract, string][] {
  const named = (
    Object.entries(pageContract) as [keyof PageContract, PageContract[keyof PageContract]][]
  ).map(([operation, { input }]) => {
    const shape = 'shape' in input ? Object.keys(input.shape) : [];
    return shape
      .filter((field) => /^(id|.*Id|grant|model)$/.test(field))
      .map((field): [keyof PageContract, string] => [operation, field]);
  });
  return named.flat();
}

const unknownOperations = [
  'toString', '__proto__', 'constructor', 'hasOwnProperty', '', '../start', 'START', 'start ', 'grant', 'close', 'eval',
  // Of the command line alone: they take paths.
  'addModel', 'removeModel', 'inspect', 'run', 'tokenize', 'logits', 'perplexity', 'bench', 'compare', 'pack', 'quantize', 'verifyPack',
]; // prettier-ignore

export const badCalls: readonly BadCall[] = [
  ...Object.keys(pageContract).flatMap((operation) =>
    inputs.map(([what, input]) => ({ what: `${operation} with ${what}`, operation, input })),
  ),
  ...idFields().flatMap(([operation, field]) =>
    hostileIds.map(([what, value]) => ({
      what: `${operation} with ${what} as ${field}`,
      operation,
      input: { [field]: value },
    })),
  ),
  ...unknownOperations.map((operation) => ({
    what: `the operation ${JSON.stringify(operation)}`,
    operation,
    input: {},
  })),
];

/** Messages that are no calls; those with an id that could be one are answered. */
export const noCalls: readonly [string, unknown, boolean][] = [
  ['a number', 7, false],
  ['a text', 'call', false],
  ['null', null, false],
  ['an array', [1, 2], false],
  ['no type', { id: 900_001 }, true],
  ['an unknown type', { type: 'shout', id: 900_002 }, true],
  ['a reply', { type: 'reply', id: 900_003, ok: true, value: 1 }, true],
  ['a call without an operation', { type: 'call', id: 900_004, input: {} }, true],
  [
    'an operation that is no text',
    { type: 'call', id: 900_005, operation: { toString: 'start' }, input: {} },
    true,
  ],
  ['an id that is a text', { type: 'call', id: 'one', operation: 'start', input: {} }, false],
  ['a fractional id', { type: 'call', id: 900_006.5, operation: 'start', input: {} }, true],
  ['credit for nothing', { type: 'credit', id: 900_007, count: 0 }, true],
  ['negative credit', { type: 'credit', id: 900_008, count: -1 }, true],
  ['the cancelling of a call that is not', { type: 'cancel', id: 900_009 }, false],
];
