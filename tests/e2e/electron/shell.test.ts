import { describe, expect, it } from 'vitest';
import { electronPath, useElectron } from '../../helpers/e2e/electron.ts';

describe.skipIf(electronPath === null)('the shell in Electron', () => {
  const app = useElectron();

  it('shows the app', async () => {
    const { page } = app();
    expect(page.url()).toBe('app://retort/');
    await page.locator('#root > *').first().waitFor();
  });
});
