import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { contentSecurityPolicy } from '../../../electron/contract/page-files.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { chromiumPath, useChromium } from '../../helpers/e2e/chromium.ts';

/** The page is drawn, and the host has told it what to show. */
async function ready(page: Page): Promise<void> {
  await page.locator('#root > *').first().waitFor();
}

describeWhere(chromiumPath !== null, 'browser mode in Chromium', () => {
  const app = useChromium();

  it('shows the app under the content security policy', async () => {
    const { page } = app();
    await ready(page);
    const answer = await page.reload();
    expect(answer?.headers()['content-security-policy']).toBe(contentSecurityPolicy);
    await ready(page);
  });

  it('leaves no code in the address and joins again after a reload by the key of its tab', async () => {
    const { page } = app();
    expect(page.url()).not.toContain('code=');
    await page.reload();
    await ready(page);
  });
});
