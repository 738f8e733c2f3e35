/** What Markdown's elements become. Nothing of it loads anything; an address opens only by a press on a link that shows it. */
import type { ComponentProps, ReactNode } from 'react';
import type { Components } from 'react-markdown';
import { CodeBlock } from './CodeBlock.tsx';

/** The whole address as it is understood, or null where it is none that a press may open. */
export function openableAddress(address: string | undefined): URL | null {
  if (address === undefined) return null;
  try {
    const url = new URL(address);
    return url.protocol === 'https:' ? url : null;
  } catch {
    return null;
  }
}

function textOf(node: ReactNode): string {
  if (typeof node === 'string' || typeof node === 'number') return String(node);
  if (Array.isArray(node)) return node.map(textOf).join('');
  if (node !== null && typeof node === 'object' && 'props' in node) {
    return textOf((node.props as { readonly children?: ReactNode }).children);
  }
  return '';
}

/** Its target stands beside it, unless its text is the target. Other addresses than https are text. */
function Link({ href, children }: ComponentProps<'a'>) {
  const url = openableAddress(href);
  if (!url) {
    const shown = href === undefined || href.startsWith('#') ? '' : ` (${href})`;
    return (
      <span>
        {children}
        <span className="text-text-muted">{shown}</span>
      </span>
    );
  }
  const text = textOf(children);
  const isItsText = text === href || text === url.href || `${text}/` === url.href;
  return (
    <>
      <a href={url.href} target="_blank" rel="noopener noreferrer" title={url.href}>
        {children}
      </a>
      {!isItsText && <span className="text-1 text-text-muted"> ({url.host})</span>}
    </>
  );
}

/** Pictures are never loaded: an address that is asked for could tell what was said. */
function Picture({ src, alt }: ComponentProps<'img'>) {
  const address = typeof src === 'string' ? src : '';
  const shown = address.length > 200 ? `${address.slice(0, 200)}…` : address;
  return (
    <span className="text-text-muted">
      [picture: {alt === undefined || alt === '' ? 'no description' : alt}
      {shown !== '' && `, ${shown}`}, not loaded]
    </span>
  );
}

function TaskMark({ checked }: ComponentProps<'input'>) {
  return (
    <span role="img" aria-label={checked === true ? 'done' : 'not done'}>
      {checked === true ? '☑' : '☐'}
    </span>
  );
}

/** A fenced or indented listing: `pre` with one `code` in it. */
function Listing({ children }: ComponentProps<'pre'>) {
  const code = (Array.isArray(children) ? children : [children]).find(
    (child): child is React.ReactElement<ComponentProps<'code'>> =>
      typeof child === 'object' && child !== null && 'props' in child,
  );
  const content = code?.props.children;
  const languageName = /language-(\S+)/.exec(code?.props.className ?? '')?.[1] ?? '';
  const text = textOf(content).replace(/\n$/, '');
  const isTokens = Array.isArray(content) || (typeof content === 'object' && content !== null);
  return (
    <CodeBlock code={text} languageName={languageName}>
      {isTokens ? content : undefined}
    </CodeBlock>
  );
}

function WideTable(props: ComponentProps<'table'>) {
  return (
    <div tabIndex={0} role="group" aria-label="Table" className="scrollable">
      <table>{props.children}</table>
    </div>
  );
}

export const elements: Components = {
  a: Link,
  img: Picture,
  input: TaskMark,
  pre: Listing,
  table: WideTable,
};
