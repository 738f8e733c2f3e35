/** Formulas: loaded by use-math.ts. */
import type { Options } from 'react-markdown';
import rehypeKatex from 'rehype-katex';
import remarkMath from 'remark-math';
import 'katex/dist/katex.min.css';

type PluggableList = NonNullable<Options['rehypePlugins']>;

export const remarkPlugins: PluggableList = [remarkMath];
/** Nothing that a model writes is trusted: no addresses, no classes, no sizes beyond the page. */
export const rehypePlugins: PluggableList = [
  [rehypeKatex, { trust: false, strict: 'ignore', maxSize: 20, maxExpand: 500, errorColor: 'var(--danger)' }],
];
