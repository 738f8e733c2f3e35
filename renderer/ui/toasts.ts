/** What was done just now, and how to undo it. One list for the whole page. */
import { createStore } from 'zustand/vanilla';

export interface Toast {
  readonly id: number;
  readonly message: string;
  readonly action: { readonly label: string; readonly run: () => void } | null;
}

interface Toasts {
  readonly toasts: readonly Toast[];
}

const shownMs = 8000;
const mostShown = 3;

export const toastStore = createStore<Toasts>(() => ({ toasts: [] }));
let lastId = 0;

export function showToast(message: string, action: Toast['action'] = null): void {
  const toast = { id: ++lastId, message, action };
  toastStore.setState(({ toasts }) => ({ toasts: [...toasts, toast].slice(-mostShown) }));
  setTimeout(() => hideToast(toast.id), shownMs);
}

export function hideToast(id: number): void {
  toastStore.setState(({ toasts }) => ({ toasts: toasts.filter((toast) => toast.id !== id) }));
}
