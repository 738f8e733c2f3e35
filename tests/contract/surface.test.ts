import { expect, test } from 'vitest';
import { z } from 'zod';
import { engineContract } from '../../electron/contract/engine-contract.ts';
import type { Contract } from '../../electron/contract/operation.ts';
import { hostContract } from '../../electron/contract/host-contract.ts';
import { pageContract } from '../../electron/contract/page-contract.ts';

/** Every name and schema of a contract, a line for each, as JSON Schema: its snapshot shows in review how the surface grows. */
function surface(contract: Contract): string {
  const lines = Object.entries(contract).flatMap(([name, operation]) => {
    const { kind, ...schemas } = operation;
    return Object.entries(schemas).map(([part, schema]) => {
      const io = part === 'input' ? 'input' : 'output';
      const { $schema: _dialect, ...shape } = z.toJSONSchema(schema as z.ZodType, { io });
      return `${kind} ${name} ${part} ${JSON.stringify(shape)}`;
    });
  });
  return `${lines.join('\n')}\n`;
}

test.each([
  ['engine', engineContract],
  ['host', hostContract],
  ['page', pageContract],
])('the %s contract has exactly the reviewed operations and schemas', async (name, contract) => {
  await expect(surface(contract)).toMatchFileSnapshot(`./surface-${name}.txt`);
});

const hostile: readonly [string, unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a number', 5],
  ['a string', '../../etc/passwd'],
  ['an array', []],
  ['an unknown field', { unknown: true }],
  ['a prototype key', JSON.parse('{"__proto__": {"path": "/"}, "constructor": 1}')],
  ['fields of the wrong type', { path: 1, id: {}, ids: 'x', model: 7, text: [], messages: 'x', name: 0 }],
];

const operations = [
  ...Object.entries(engineContract).map(([name, operation]) => [`engine ${name}`, operation] as const),
  ...Object.entries(hostContract).map(([name, operation]) => [`host ${name}`, operation] as const),
  ...Object.entries(pageContract).map(([name, operation]) => [`page ${name}`, operation] as const),
];

test.each(operations)('%s refuses inputs that it does not declare', (_name, operation) => {
  for (const [what, input] of hostile) expect(operation.input.safeParse(input).success, what).toBe(false);
});

test.each([
  ['a negative id', [-1]],
  ['a fraction', [1.5]],
  ['an id over 31 bits', [2 ** 31]],
  ['not a number', [Number.NaN]],
  ['a text', ['1']],
  ['no ids', []],
])('generate refuses ids with %s', (_what, ids) => {
  const input = {
    ids,
    maxTokens: 1,
    sampling: {},
    ends: [],
    ignoreEnds: false,
    stops: [],
    continues: false,
    trace: false,
    conversation: null,
  };
  expect(engineContract.generate.input.safeParse(input).success).toBe(false);
  expect(engineContract.generate.input.safeParse({ ...input, ids: [1] }).success).toBe(true);
});
