/** Browser mode in a browser: who is let in, what a page may not do, what another site's page can do. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { contentSecurityPolicy } from '../../../electron/contract/page-files.ts';
import { chromiumPath, openInChromium, useChromium } from '../../helpers/e2e/chromium.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { eventually } from '../../helpers/eventually.ts';
import { policyBreaches } from '../../helpers/e2e/policy-breaches.ts';
import { blocked } from '../../helpers/e2e/window-tests.ts';

const keyOf = (page: Page) => page.evaluate(() => sessionStorage.getItem('retort:key'));

/** The page is drawn and the host has let it in. */
async function isIn(page: Page): Promise<void> {
  await page.getByRole('navigation').first().waitFor();
  await eventually(async () => expect(await keyOf(page)).toMatch(/^[\w-]{43}$/));
}

/** A page of another site on this machine. */
async function openForeignPage(newPage: () => Promise<Page>): Promise<Page> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<title>foreign</title>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const page = await newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return page;
}

describeWhere(chromiumPath !== null, 'browser mode in Chromium', () => {
  const app = useChromium();

  it('shows the app under the content security policy', async () => {
    const { page } = app();
    await isIn(page);
    const answer = await page.reload();
    expect(answer?.headers()['content-security-policy']).toBe(contentSecurityPolicy);
    await isIn(page);
  });

  it('leaves no code in the address, and a reload joins again by the key of its tab', async () => {
    const { page } = app();
    expect(page.url()).not.toContain('code=');
    await page.reload();
    await isIn(page);
  });

  it('lets no second tab in without a link of its own, and says what to do', async () => {
    const { page, newPage } = app();
    const second = await newPage();
    await second.goto(new URL('/', page.url()).href);
    await second.getByText('Press Enter in the terminal where Retort runs').waitFor();
    expect(await keyOf(second)).toBeNull();
    await second.goto(await app().newLink());
    await isIn(second);
    await second.close();
    await isIn(page);
  });

  it('refuses a link that was used, by name', async () => {
    const { newPage } = app();
    const link = await app().newLink();
    const first = await newPage();
    await first.goto(link);
    await isIn(first);
    const second = await newPage();
    await second.goto(link);
    await second.getByText('This link was used before').waitFor();
    expect(await keyOf(second)).toBeNull();
    await Promise.all([first.close(), second.close()]);
  });

  it.each(policyBreaches)('does not let the page %s', async (_what, breach) => {
    const { page, problems } = app();
    problems.expect(blocked);
    expect(await page.evaluate(breach)).toBe('blocked');
  });

  describe('another site’s page', () => {
    it('reads nothing, connects to nothing and shows nothing of it', async () => {
      const { page, newPage, problems } = app();
      problems.expect(
        /Access to fetch|ERR_FAILED|403|WebSocket connection|frame-ancestors|Framing|ERR_BLOCKED|X-Frame/,
      );
      const foreign = await openForeignPage(newPage);
      const ours = new URL('/', page.url()).href;
      const seen = await foreign.evaluate(async (address) => {
        const read = await fetch(address).then(
          (response) => response.text(),
          () => 'refused',
        );
        const opaque = await fetch(address, { mode: 'no-cors' }).then(
          ({ type }) => type,
          () => 'refused',
        );
        const socket = await new Promise<string>((resolve) => {
          const asked = new WebSocket(`${address.replace('http', 'ws')}host`);
          asked.onopen = () => resolve('opened');
          asked.onerror = () => resolve('refused');
        });
        const frame = document.createElement('iframe');
        frame.src = address;
        document.body.append(frame);
        await new Promise((resolve) => (frame.onload = resolve));
        return { read, opaque, socket };
      }, ours);
      expect(seen.read).toBe('refused');
      expect(['opaque', 'refused']).toContain(seen.opaque);
      expect(seen.socket).toBe('refused');
      const shown = foreign.frames().filter((frame) => frame.url() === ours);
      expect(await Promise.all(shown.map((frame) => frame.locator('#root').count()))).toEqual(
        shown.map(() => 0),
      );
      await foreign.close();
    });
  });

  it('tells the page that the host was killed', async () => {
    const own = await openInChromium();
    own.problems.expect(/WebSocket connection|net::ERR_/);
    await isIn(own.page);
    process.kill(own.hostPid, 'SIGKILL');
    await own.page
      .getByText(/reconnect|connection/i)
      .first()
      .waitFor();
  });
});
