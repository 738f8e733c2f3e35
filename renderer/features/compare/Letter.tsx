import { classNames } from '../../ui/class-names.ts';

/** What a variant is called in charts; the reference is filled. */
export function Letter({ letter }: { readonly letter: string }) {
  return (
    <span
      className={classNames(
        'grid size-4 shrink-0 place-items-center rounded-[8px] border border-text text-1 leading-none font-strong',
        letter === 'A' && 'bg-surface-inverse text-text-inverse',
      )}
    >
      {letter}
    </span>
  );
}
