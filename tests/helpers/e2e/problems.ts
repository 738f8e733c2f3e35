/** Everything that must not happen in a page under test: errors in its console (a broken content security policy is one), uncaught errors, crashes. */
import type { Page } from 'playwright-core';

/** What the page shows where the running test fails. */
export async function tellPage(page: Page): Promise<void> {
  const shown = await page.locator('body').innerText({ timeout: 5000 }).catch(String);
  const words = shown.replaceAll(/\s*\n\s*/g, ' | ');
  const most = words.length > 2000 ? `${words.slice(0, 1000)} … ${words.slice(-1000)}` : words;
  console.error(`The page at ${page.url()} showed: ${most}`);
}

export class Problems {
  #seen: string[] = [];
  readonly #expected: RegExp[] = [];

  watch(page: Page): void {
    page.on('console', (message) => {
      if (message.type() === 'error') this.#add(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => this.#add(`uncaught: ${error.stack ?? error.message}`));
    page.on('crash', () => this.#add('the page crashed'));
  }

  /** From now on what matches is no problem: for tests that provoke one. */
  expect(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  /** What was seen since the last call. */
  take(): string[] {
    const seen = this.#seen;
    this.#seen = [];
    return seen;
  }

  #add(problem: string): void {
    if (!this.#expected.some((pattern) => pattern.test(problem))) this.#seen.push(problem);
  }
}
