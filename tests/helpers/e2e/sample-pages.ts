/** The built pages in Chromium before a host in memory: what a page shows of figures that no model of a test has. */
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { pageContract } from '../../../electron/contract/page-contract.ts';
import { serve } from '../../../electron/contract/rpc.ts';
import { startBrowserServer } from '../../../electron/host/serve/browser-server.ts';
import type { ChatHost } from '../chat-host.ts';
import { buildApp, root, stepLimitMs } from './build.ts';
import { launchChromium } from './chromium.ts';
import { Problems } from './problems.ts';

export interface SamplePage {
  readonly page: Page;
  readonly problems: Problems;
}

/** Both end with the running test. */
export async function openSamplePage(
  host: ChatHost,
  context: BrowserContextOptions = {},
): Promise<SamplePage> {
  await buildApp();
  const server = await startBrowserServer({
    pages: join(root, 'out/app/renderer'),
    port: 0,
    servePage: (port) => serve(port, pageContract, host.handlers()),
  });
  const browser = await launchChromium();
  onTestFinished(async () => {
    await browser.close();
    await server.close();
  });
  const window = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...context });
  window.setDefaultTimeout(stepLimitMs);
  const page = await window.newPage();
  const problems = new Problems();
  problems.watch(page);
  await page.goto(server.newLink());
  return { page, problems };
}
