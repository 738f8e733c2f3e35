/** The Cache screen on the bundled model: what a conversation holds, saved, restored after a restart, and gone on from. */
import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import {
  answered,
  ask,
  beginChat,
  capital,
  field,
  grown,
  ready,
  replies,
  send,
  setLongestReply,
  stop,
} from '../../helpers/e2e/app-steps.ts';
import { violations } from '../../helpers/e2e/axe.ts';
import { journeyLimitMs } from '../../helpers/e2e/build.ts';
import { measureCodecs, openCache, saveCache } from '../../helpers/e2e/cache-steps.ts';
import { chromiumPath, openInChromium } from '../../helpers/e2e/chromium.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';

vi.setConfig({ testTimeout: journeyLimitMs });

const heldTokens = /(\d+) of [\d,]+ tokens/;

describeWhere(chromiumPath !== null, 'the Cache screen', () => {
  it('shows what a chat holds, saves it, restores it after a restart, and the next message reads only what is new', async () => {
    const app = await openInChromium();
    const { page } = app;
    await ready(page);
    await openCache(page);
    expect(await page.getByRole('heading', { name: 'Nothing is held' }).count()).toBe(1);
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('g');
    await page.keyboard.press('c');
    await beginChat(page);
    await ask(page, capital.question);
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { level: 1 }).first().click();
    await page.keyboard.press('g');
    await page.keyboard.press('a');
    const map = await openCache(page);
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toContain(capital.question);
    const ledger = page.getByRole('region', { name: 'Ledger' });
    const held = Number(heldTokens.exec(await ledger.innerText())?.[1]);
    expect(held).toBeGreaterThan(20);
    expect(await ledger.getByRole('row', { name: /^Reply: The capital/ }).count()).toBe(1);

    await map.focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown']) await page.keyboard.press(key);
    await page.getByRole('list', { name: 'By head' }).waitFor();
    expect(await map.getByRole('gridcell').innerText()).toMatch(
      /^layer 1, position 1, token .*: attention [<\d]/,
    );
    for (let i = 0; i < 3; i++) await page.keyboard.press('Shift+ArrowRight');
    await page.getByText('Positions 1 to 4, all layers').waitFor();
    await page.getByText(/^4 tokens, \d+ KiB$/).waitFor();
    await page.getByRole('radio', { name: 'key norm' }).click();
    await page.getByRole('grid', { name: /key norm$/ }).waitFor();
    await page.getByRole('combobox', { name: 'Head' }).selectOption('KV head 2');
    await page.getByRole('radio', { name: 'table' }).last().click();
    await page.getByRole('table', { name: 'Cache by position, table' }).waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save the map as CSV' }).click();
    const csv = readFileSync(await (await download).path(), 'utf8');
    expect(csv.split('\r\n')).toHaveLength(held + 2);
    expect(csv).toContain('"key norm, layer 29"');
    expect(await measureCodecs(page)).toMatch(/q8\s+lossy[\s\S]*%/);
    expect(await violations(page)).toEqual([]);

    await saveCache(page, 'France');
    await page.getByRole('button', { name: 'Restore France' }).waitFor();
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await page.getByRole('heading', { name: 'Nothing is held' }).waitFor();
    await app.restart();
    await ready(page);
    await openCache(page);
    await page.getByRole('button', { name: 'Restore France' }).click();
    await map.waitFor();
    expect(heldTokens.exec(await ledger.innerText())?.[1]).toBe(String(held));
    await page.getByRole('navigation').getByRole('link', { name: 'Chat' }).click();
    await replies(page).getByText(capital.answer).waitFor();
    await ask(page, 'And of Spain?');
    await openCache(page);
    await ledger.getByText(`reused ${held}`).waitFor();
  });

  it('says that a reply is being written and goes on when it ends; a saved cache of other settings is not offered', async () => {
    const { page } = await openInChromium();
    await ready(page);
    await beginChat(page);
    await ask(page, capital.question);
    await openCache(page);
    await saveCache(page, 'first');
    await page.getByRole('button', { name: 'Apply q8' }).click();
    await page
      .getByText('It was saved with a KV cache in f16; the model is loaded with q8.')
      .waitFor({ timeout: 60_000 });
    expect(await page.getByRole('button', { name: 'Restore first' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Delete first' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page
      .getByText('Nothing is saved.')
      .or(page.getByRole('heading', { name: 'Nothing is held' }))
      .first()
      .waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Chat' }).click();
    await setLongestReply(page, 2000);
    await send(page, 'Tell a long story about an old lighthouse keeper.');
    await page.getByRole('button', { name: /^Stop/ }).waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Cache' }).click();
    await page.getByText('A reply is being written.').waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Chat' }).click();
    // A reply that is stopped while its prompt is read leaves nothing.
    await grown(page, 1);
    await stop(page);
    await answered(page);
    const map = await openCache(page);
    await map.waitFor();
    expect(await page.getByRole('row', { name: /^q8 now in use/ }).count()).toBe(1);
    await page.getByRole('navigation').getByRole('link', { name: 'Chat' }).click();
    await field(page).waitFor();
  });
});
