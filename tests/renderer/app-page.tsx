/** The whole page in happy-dom: everything of it is real but the host, which is the test's. */
import { cleanup, configure, render, screen, type RenderResult } from '@testing-library/react';
import { onTestFinished } from 'vitest';
import { pageContract } from '../../electron/contract/page-contract.ts';
import { portPair, type Port } from '../../electron/contract/port.ts';
import { serve } from '../../electron/contract/rpc.ts';
import type { Shell } from '../../electron/contract/shell.ts';
import { App } from '../../renderer/app/App.tsx';
import { AppContext } from '../../renderer/app/app-context.ts';
import { createApplication, type Application } from '../../renderer/app/application.ts';
import { ChatContext } from '../../renderer/features/chat/chat-context.ts';
import { HostContext } from '../../renderer/ipc/host-context.ts';
import { toastStore } from '../../renderer/ui/toasts.ts';
import { ChatHost } from '../helpers/chat-host.ts';

// A bound on hanging, not on speed: machines are slow at times.
configure({ asyncUtilTimeout: 15_000 });

export interface OpenApp extends RenderResult {
  readonly host: ChatHost;
  readonly application: Application;
  /** Cuts the connection; the page asks for another. */
  disconnect(): void;
}

/** Lists draw what fits in their height: here everything has one. */
function giveElementsSizes(): void {
  const size = { configurable: true, get: () => 600 };
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', size);
  Object.defineProperty(HTMLElement.prototype, 'clientWidth', size);
}

export function openApp(
  host = new ChatHost(),
  { shell = null, fragment = '' }: { readonly shell?: Shell | null; readonly fragment?: string } = {},
): OpenApp {
  giveElementsSizes();
  window.location.hash = fragment;
  let latest: Port | null = null;
  const application = createApplication(shell, () => {
    const [page, served] = portPair();
    serve(served, pageContract, host.handlers());
    latest = served;
    return Promise.resolve(page);
  });
  const rendered = render(
    <HostContext value={application.host}>
      <AppContext value={application.app}>
        <ChatContext value={application.chat}>
          <App />
        </ChatContext>
      </AppContext>
    </HostContext>,
  );
  onTestFinished(() => {
    cleanup();
    application.close();
    toastStore.setState({ toasts: [] });
    window.location.hash = '';
  });
  return { ...rendered, host, application, disconnect: () => latest?.close() };
}

/** The field in which a message is written. */
export const messageField = (): HTMLTextAreaElement => screen.getByLabelText('Message');
