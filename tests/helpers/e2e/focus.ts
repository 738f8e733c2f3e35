/** Where the keyboard's focus is, and whether a person sees it. */
/// <reference lib="dom" />
import type { Page } from 'playwright-core';

export interface Focus {
  /** Role and name, such as `button "Send"`. */
  readonly what: string;
  /** Label of the landmark around it: 'Screens', 'Chats' …; of the header, its heading's. */
  readonly where: string;
  /** A ring, an outline, or for a field the ring of its frame. */
  readonly isVisible: boolean;
}

export async function focusOf(page: Page): Promise<Focus> {
  const focused = page.locator(':focus');
  if ((await focused.count()) === 0) return { what: 'nothing', where: '', isVisible: true };
  const [what = ''] = (await focused.ariaSnapshot()).split('\n');
  const rest = await focused.evaluate((element) => {
    const isDrawn = (drawn: Element | null | undefined) => {
      if (!drawn) return false;
      const { boxShadow, outlineStyle } = getComputedStyle(drawn);
      // A list of shadows, some of them without colour: "rgb(10, 104, 114) 0px 0px 0px 4px, rgba(0, 0, 0, 0) 0px …".
      const shadows = boxShadow.split(/,(?![^(]*\))/).map((shadow) => shadow.trim());
      const hasRing = shadows.some(
        (shadow) => shadow !== 'none' && !/^rgba\([^)]*, 0\)/.test(shadow) && /[1-9]\d*px/.test(shadow),
      );
      return hasRing || outlineStyle !== 'none';
    };
    const isField = element.matches('textarea, input');
    const frame = element.parentElement;
    const landmark = element.closest('dialog, nav, header, aside, section, footer');
    return {
      where: landmark?.getAttribute('aria-label') ?? landmark?.tagName.toLowerCase() ?? '',
      isVisible: isDrawn(element) || (isField && (isDrawn(frame) || isDrawn(frame?.parentElement))),
    };
  });
  // In quotes where the name has a colon.
  const isQuoted = what.startsWith("- '");
  return {
    what: isQuoted ? what.slice(3).replace(/'(:.*)?$/, '') : what.slice(2).replace(/:( .*)?$/, ''),
    ...rest,
  };
}

const mostSteps = 200;

/** Presses Tab until what is focused matches. Returns what was passed, the match last; throws where the focus cannot be seen or never comes there. */
export async function tabTo(page: Page, wanted: RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<Focus[]> {
  const passed: Focus[] = [];
  while (passed.length < mostSteps) {
    await page.keyboard.press(key);
    const focus = await focusOf(page);
    passed.push(focus);
    if (!focus.isVisible)
      throw new Error(`Nobody sees that the focus is on ${focus.what} in ${focus.where}.`);
    if (wanted.test(focus.what)) return passed;
  }
  throw new Error(
    `${String(wanted)} was not reached by ${key}: ${passed.map(({ what }) => what).join(', ')}`,
  );
}
