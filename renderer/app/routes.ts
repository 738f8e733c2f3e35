/** Which screen is shown: said by the address's fragment, so that Back works and nothing is asked of a server. */
import { useSyncExternalStore } from 'react';

export type Route =
  | { readonly screen: 'chat'; readonly chatId: string | null; readonly messageId: string | null }
  /** Null: a comparison is begun. */
  | { readonly screen: 'compare'; readonly runId: string | null }
  | { readonly screen: 'cache' }
  | { readonly screen: 'models'; readonly modelId: string | null }
  /** `otherId`: of the run beside it. */
  | { readonly screen: 'runs'; readonly runId: string | null; readonly otherId: string | null }
  | { readonly screen: 'settings' };
export type Screen = Route['screen'];

const id = /^[a-z0-9-]{1,64}$/;
const idOrNull = (part: string | undefined) => (part !== undefined && id.test(part) ? part : null);

export function parseRoute(fragment: string): Route {
  const [screen, first, second] = fragment.replace(/^#?\/?/, '').split('/');
  if (screen === 'models') return { screen, modelId: idOrNull(first) };
  if (screen === 'compare') return { screen, runId: idOrNull(first) };
  if (screen === 'runs') return { screen, runId: idOrNull(first), otherId: idOrNull(second) };
  if (screen === 'cache' || screen === 'settings') return { screen };
  return { screen: 'chat', chatId: idOrNull(first), messageId: idOrNull(second) };
}

function partsOf(route: Route): (string | null)[] {
  switch (route.screen) {
    case 'chat':
      return [route.chatId, route.chatId === null ? null : route.messageId];
    case 'compare':
      return [route.runId];
    case 'models':
      return [route.modelId];
    case 'runs':
      return [route.runId, route.runId === null ? null : route.otherId];
    case 'cache':
    case 'settings':
      return [];
  }
}

export function fragmentOf(route: Route): string {
  return `#/${[route.screen, ...partsOf(route)].filter((part) => part !== null).join('/')}`;
}

export function navigate(route: Route, how: 'push' | 'replace' = 'push'): void {
  const fragment = fragmentOf(route);
  if (window.location.hash === fragment) return;
  if (how === 'push') window.location.hash = fragment;
  else {
    window.history.replaceState(null, '', fragment);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  }
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}

let parsed = { fragment: '', route: parseRoute('') };

/** The same object as long as the address stays. */
export function currentRoute(): Route {
  const fragment = window.location.hash;
  if (fragment !== parsed.fragment) parsed = { fragment, route: parseRoute(fragment) };
  return parsed.route;
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, currentRoute);
}
