import { useEffect, useRef, useState } from 'react';
import type { CodeLine } from './highlight-messages.ts';
import { highlighter, type ShownListing } from './highlighter.ts';
import { languageOf } from './languages.ts';

const none: readonly CodeLine[] = [];

/** The lines of a listing that are coloured so far; while the code grows, those of an earlier text. None where `isPlain`. */
export function useHighlighted(code: string, languageName: string, isPlain: boolean): readonly CodeLine[] {
  const language = isPlain ? null : languageOf(languageName);
  const listing = useRef<ShownListing | null>(null);
  const [lines, setLines] = useState(none);
  useEffect(() => {
    if (language === null) return;
    const opened = highlighter.open(language, setLines);
    listing.current = opened;
    return () => {
      listing.current = null;
      opened.close();
    };
  }, [language]);
  useEffect(() => listing.current?.colour(code), [code, language]);
  return language === null ? none : lines;
}
