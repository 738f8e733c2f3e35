import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { errorTable } from '../../electron/contract/errors.ts';
import { nativeAddon } from '../../electron/engine/native/addon.ts';
import project from '../../package.json' with { type: 'json' };

const codes = Object.keys(errorTable);

it('the addon knows exactly the error codes of the contract, in the same order', () => {
  expect(nativeAddon().statusCodes).toEqual(codes);
});

it('the enum of status.h names the same codes in the same order', () => {
  const header = readFileSync(new URL('../../native/include/retort/status.h', import.meta.url), 'utf8');
  const body = /enum class Status \{([^}]*)\}/.exec(header)?.[1] ?? '';
  const names = body.split(',').map((name) => name.trim().replaceAll('_', '-'));
  expect(names.filter((name) => name !== '')).toEqual(codes);
});

it('the addon carries the version of the project', () => {
  expect(nativeAddon().version).toBe(project.version);
});
