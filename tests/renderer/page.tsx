/** A component as in a page: the real client and app store over a port in memory; the handlers are the test's. */
import { cleanup, render, type RenderResult } from '@testing-library/react';
import type { ReactNode } from 'react';
import { onTestFinished } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import { pageContract, type PageContract } from '../../electron/contract/page-contract.ts';
import { portPair } from '../../electron/contract/port.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import { serve, type Handlers } from '../../electron/contract/rpc.ts';
import type { Shell } from '../../electron/contract/shell.ts';
import { AppContext } from '../../renderer/app/app-context.ts';
import { createAppStore, type AppState, type AppStore } from '../../renderer/app/app-store.ts';
import { HostContext } from '../../renderer/ipc/host-context.ts';
import { Toasts } from '../../renderer/ui/Toasts.tsx';
import { toastStore } from '../../renderer/ui/toasts.ts';
import { TooltipProvider } from '../../renderer/ui/Tooltip.tsx';

export interface PageOptions {
  /** Operations that the test does not give are answered with an error. */
  readonly handlers?: Partial<Handlers<PageContract>>;
  /** Default: a browser, which has none. */
  readonly shell?: Shell | null;
  readonly state?: Partial<AppState>;
}

export interface PageUnderTest extends RenderResult {
  readonly app: AppStore;
}

export function renderInPage(element: ReactNode, options: PageOptions = {}): PageUnderTest {
  const { handlers = {}, shell = null, state = {} } = options;
  const [page, host] = portPair();
  serve(host, pageContract, { ...refusals(), ...handlers });
  const client = connect(page, pageContract);
  const app = createAppStore(client);
  app.setState({ connection: { phase: 'connected' }, machine, ...state });
  const result = render(
    <HostContext value={{ client, shell }}>
      <AppContext value={app}>
        <TooltipProvider>
          {element}
          <Toasts />
        </TooltipProvider>
      </AppContext>
    </HostContext>,
  );
  onTestFinished(() => {
    cleanup();
    page.close();
    toastStore.setState({ toasts: [] });
    window.location.hash = '';
  });
  return { ...result, app };
}

const machine = { version: '0.1.0', platform: 'linux', cores: 8 };

function refusals(): Handlers<PageContract> {
  const refuse = (name: string) => () =>
    Promise.reject(new LabError('internal', `The test has no handler for ${name}.`));
  const named = Object.keys(pageContract).map((name) => [name, refuse(name)]);
  return Object.fromEntries(named) as Handlers<PageContract>;
}

/** A shell that gives what the test says and keeps what it was asked. */
export function testShell(
  given: Partial<Shell> = {},
): Shell & { readonly saved: { fileName: string; text: string }[] } {
  const saved: { fileName: string; text: string }[] = [];
  return {
    platform: 'linux',
    connect: () => undefined,
    chooseModels: () => Promise.resolve([]),
    chooseModelFolder: () => Promise.resolve(null),
    grantDropped: () => Promise.resolve([]),
    saveText: (fileName, text) => {
      saved.push({ fileName, text });
      return Promise.resolve(true);
    },
    savePicture: (fileName, png) => {
      saved.push({ fileName, text: `${png.length} bytes` });
      return Promise.resolve(true);
    },
    openDataFolder: () => Promise.resolve(),
    onCommand: () => () => undefined,
    ...given,
    saved,
  };
}
