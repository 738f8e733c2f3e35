/** What screen readers and other aids get of a model that is streamed: axe-core's rules on its charts, its map and its knobs. */
import { expect, test } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import { violations } from '../helpers/e2e/axe.ts';
import { chromiumPath } from '../helpers/e2e/chromium.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { openSamplePage } from '../helpers/e2e/sample-pages.ts';
import {
  addSampleChat,
  expertGrid,
  growReply,
  openModels,
  openStreamedTimeline,
  timeline,
} from '../helpers/e2e/streamed-steps.ts';
import { StreamedHost } from '../helpers/streamed-host.ts';

describeWhere(chromiumPath !== null, 'axe finds nothing on a streamed model', () => {
  test.each(['light', 'dark'] as const)('in %s', async (colorScheme) => {
    const host = new StreamedHost();
    addSampleChat(host);
    const { page, problems } = await openSamplePage(host, { colorScheme, reducedMotion: 'reduce' });
    const seen: Record<string, string[]> = {};
    const look = async (what: string) => void (seen[what] = await violations(page));

    const reply = await growReply(page, host);
    await look('a growing reply');
    await openStreamedTimeline(page, host, reply);
    await page.getByRole('radio', { name: 'flash stall' }).click();
    await timeline(page).getByRole('slider').focus();
    await page.keyboard.press('End');
    await look('a token that waited');
    await page.keyboard.press('Escape');
    await page.mouse.move(640, 100);
    for (const name of ['Show as', 'Show timeline as'])
      await page.getByRole('radiogroup', { name }).getByRole('radio', { name: 'table' }).click();
    await look('tables');

    await openModels(page);
    await look('the map of experts');
    await expertGrid(page).focus();
    await page.keyboard.press('ArrowDown');
    await look('a marked expert');
    for (const view of ['in cache', 'misses']) {
      await page.getByRole('radio', { name: view }).click();
      await look(`experts by ${view}`);
    }
    await page
      .getByRole('radiogroup', { name: 'Show experts as' })
      .getByRole('radio', { name: 'table' })
      .click();
    await look('experts as a table');

    let open: () => void = () => undefined;
    host.budgetGate = new Promise((resolve) => (open = resolve));
    host.budgetRefusal = new LabError('bad-request', 'It needs at least 1.71 GiB.');
    await page.getByRole('slider', { name: 'Memory budget' }).press('ArrowRight');
    await page.getByRole('button', { name: 'Change the budget' }).click();
    await page.getByRole('progressbar').waitFor();
    await look('a budget that changes');
    open();
    await page.getByRole('alert').waitFor();
    await look('a budget that was refused');
    await page.getByRole('link', { name: /Llama 3.1 70B/ }).click();
    await page.getByText(/^npx retort pack/).waitFor();
    await look('a model that is too large');

    expect(Object.keys(seen)).toHaveLength(11);
    expect(Object.fromEntries(Object.entries(seen).filter(([, found]) => found.length > 0))).toEqual({});
    expect(problems.take()).toEqual([]);
  });
});
