/** A person's ways through Retort, in Chromium, with the bundled model. */
import { describe, expect, it } from 'vitest';
import { chromiumPath, openInChromium } from '../../helpers/e2e/chromium.ts';
import { answered, capital, field, ready, replies, said, send, prompts } from '../../helpers/e2e/app-steps.ts';

describe.skipIf(chromiumPath === null)('the first start', () => {
  it('loads the model that comes with Retort by itself, and answers what was sent meanwhile', async () => {
    const { page } = await openInChromium();
    await page.getByRole('list', { name: 'Examples' }).waitFor();
    expect(await page.getByRole('list', { name: 'Examples' }).getByRole('button').count()).toBe(3);
    await send(page, capital.question);
    await replies(page).first().waitFor();
    console.log(await page.locator('body').ariaSnapshot());
    console.log(await answered(page));
    expect(await said(prompts(page).first())).toBe(capital.question);
    await ready(page);
    expect(await field(page).inputValue()).toBe('');
  });
});
