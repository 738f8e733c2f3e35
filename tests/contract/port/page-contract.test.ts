import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { pageContract } from '../../../electron/contract/page-contract.ts';
import { hostileIds, idFields } from '../../helpers/bad-calls.ts';
import { openPort, RawPage, startPageHost } from '../../helpers/page-transports.ts';
import { describeTransport, isServed } from '../../helpers/transport-tests.ts';

describe('the page contract over a port', () => {
  describeTransport(openPort);

  it('refuses an array that is long and empty, which parsing would walk', async () => {
    const page = new RawPage(await openPort(await startPageHost()));
    const files: unknown[] = [];
    files.length = 2 ** 32 - 1;
    expect(await page.call('send', { files })).toMatchObject({ error: { code: 'bad-request' } });
    expect(await isServed(page)).toBe(true);
  });

  it.each(idFields())('refuses every hostile id of %s by the field %s itself', (operation, field) => {
    const { input } = pageContract[operation];
    const schema = (input as z.ZodObject).shape[field] as z.ZodType;
    const taken = hostileIds.filter(([, value]) => schema.safeParse(value).success);
    expect(taken).toEqual([]);
  });

  it('refuses a value that holds itself', async () => {
    const page = new RawPage(await openPort(await startPageHost()));
    const circle: Record<string, unknown> = {};
    circle['title'] = circle;
    expect(await page.call('createChat', circle)).toMatchObject({ error: { code: 'bad-request' } });
    expect(await isServed(page)).toBe(true);
  });
});
