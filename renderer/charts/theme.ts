/** The roles of tokens.css as a canvas needs them: read once, and again when the theme changes. */

export interface Theme {
  /** The colour of a role such as `--cause-attention`. */
  colour(role: string): string;
  /** The font of axes and labels, of the smallest of the four sizes. */
  readonly font: string;
  readonly strongFont: string;
}

export function readTheme(styles: Pick<CSSStyleDeclaration, 'getPropertyValue'>): Theme {
  const known = new Map<string, string>();
  const value = (role: string) => {
    const held = known.get(role) ?? styles.getPropertyValue(role).trim();
    known.set(role, held);
    return held;
  };
  const font = `${value('--size-1') || '11px'} ${value('--font-text') || 'sans-serif'}`;
  return {
    colour: (role) => value(role) || '#808080',
    font: `400 ${font}`,
    strongFont: `600 ${font}`,
  };
}

type Listener = () => void;

/** The page's theme; listeners are told after it changed. */
class PageTheme {
  #theme: Theme | null = null;
  #isWatching = false;
  readonly #listeners = new Set<Listener>();

  get current(): Theme {
    this.#watch();
    this.#theme ??= readTheme(getComputedStyle(document.documentElement));
    return this.#theme;
  }

  onChange(listener: Listener): () => void {
    this.#watch();
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const changed = () => {
      this.#theme = null;
      for (const listener of this.#listeners) listener();
    };
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
    new MutationObserver(changed).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  }
}

export const pageTheme = new PageTheme();
