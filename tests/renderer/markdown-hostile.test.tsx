import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { ReplyText } from '../../renderer/features/chat/ReplyText.tsx';
import { hostileMarkdown } from '../helpers/hostile-markdown.ts';
import { tokenOf } from '../helpers/chat-host.ts';

/** What Markdown, listings and formulas are drawn with; nothing else may stand in a reply. */
const drawn = new Set([
  'a', 'annotation', 'blockquote', 'br', 'button', 'code', 'del', 'details', 'div', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6',
  'hr', 'li', 'line', 'math', 'mi', 'mn', 'mo', 'mover', 'mrow', 'mspace', 'mstyle', 'msub', 'msup', 'mtable', 'mtd', 'mtext',
  'mtr', 'munder', 'mpadded', 'menclose', 'ol', 'p', 'path', 'pre', 'section', 'semantics', 'span', 'strong', 'summary', 'sup',
  'svg', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul',
]); // prettier-ignore

afterEach(cleanup);

function breachesOf(root: Element): string[] {
  const breaches: string[] = [];
  for (const element of root.querySelectorAll('*')) {
    const name = element.tagName.toLowerCase();
    if (!drawn.has(name)) breaches.push(`<${name}>`);
    for (const { name: attribute, value } of element.attributes) {
      if (/^on/i.test(attribute)) breaches.push(`${name} ${attribute}`);
      if (/^(src|srcset|action|formaction|data|ping|xlink:href|background|poster)$/i.test(attribute)) {
        breaches.push(`${name} ${attribute}`);
      }
      if (
        attribute === 'style' &&
        /url\(|position:\s*(fixed|absolute)/i.test(value) &&
        !isInFormula(element)
      ) {
        breaches.push(`${name} style ${value}`);
      }
      if (attribute === 'style' && /url\(/i.test(value)) breaches.push(`${name} style ${value}`);
      if (attribute === 'id' && /^(root|retort)$/.test(value)) breaches.push(`id ${value}`);
    }
    if (name === 'a') breaches.push(...breachesOfLink(element));
  }
  return breaches;
}

const isInFormula = (element: Element) => element.closest('.katex') !== null;

function breachesOfLink(link: Element): string[] {
  const href = link.getAttribute('href') ?? '';
  const breaches = href.startsWith('https://') ? [] : [`link to ${href}`];
  if (link.getAttribute('rel') !== 'noopener noreferrer') breaches.push('link without rel');
  if (link.getAttribute('target') !== '_blank') breaches.push('link that leaves the page');
  // What it leads to is said: in the text, or beside it.
  const host = new URL(href).host;
  const said = `${link.textContent} ${link.nextElementSibling?.textContent ?? ''}`;
  if (!said.includes(host)) breaches.push(`link that hides ${host} behind ${link.textContent}`);
  return breaches;
}

test('there are 100 hostile texts, all different', () => {
  expect(new Set(hostileMarkdown).size).toBe(100);
});

const titled = hostileMarkdown.map((text) => [JSON.stringify(text).slice(0, 60), text] as const);

test.each(titled)('%s is shown and does nothing', async (_title, text) => {
  const alert = vi.fn();
  window.alert = alert;
  const fetching = vi.spyOn(window, 'fetch');
  const { container, rerender } = render(<ReplyText text={text} isGrowing shown={null} />);
  // Formulas are loaded when the first one is there.
  await vi.dynamicImportSettled();
  rerender(<ReplyText text={text} isGrowing={false} shown={null} />);
  await vi.dynamicImportSettled();
  expect(breachesOf(container)).toEqual([]);
  expect(container.textContent).not.toBe('');
  expect(alert).not.toHaveBeenCalled();
  expect(fetching).not.toHaveBeenCalled();
  expect(document.title).toBe('');
});

test.each(titled)('%s is shown and does nothing with its tokens in it', async (_title, text) => {
  const tokens = (text.slice(0, 5000).match(/[\s\S]{1,4}/g) ?? []).map((piece, index) =>
    tokenOf(index, piece),
  );
  const shown = { tokens, tint: 'probability' as const };
  const { container } = render(<ReplyText text={text.slice(0, 5000)} isGrowing={false} shown={shown} />);
  await vi.dynamicImportSettled();
  expect(breachesOf(container)).toEqual([]);
});
