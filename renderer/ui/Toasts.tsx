import { X } from 'lucide-react';
import { useStore } from 'zustand';
import { hideToast, toastStore } from './toasts.ts';

export function Toasts() {
  const toasts = useStore(toastStore, (state) => state.toasts);
  return (
    <div
      role="status"
      aria-label="Just done"
      className="fixed bottom-34 left-1/2 z-50 grid -translate-x-1/2 gap-2"
    >
      {toasts.map(({ id, message, action }) => (
        <div
          key={id}
          className="flex min-w-70 items-center gap-3 rounded-2 bg-surface-inverse py-2 pr-2 pl-3 text-text-inverse shadow-float"
        >
          <span className="mr-auto">{message}</span>
          {action !== null && (
            <button
              type="button"
              className="h-6 cursor-default underline underline-offset-3"
              onClick={() => {
                hideToast(id);
                action.run();
              }}
            >
              {action.label}
            </button>
          )}
          <button
            type="button"
            aria-label="Dismiss"
            className="size-6 cursor-default"
            onClick={() => hideToast(id)}
          >
            <X size={14} aria-hidden className="mx-auto" />
          </button>
        </div>
      ))}
    </div>
  );
}
