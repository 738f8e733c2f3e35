import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ChatContext } from '../features/chat/chat-context.ts';
import { HostContext } from '../ipc/host-context.ts';
import { openPortOf } from '../ipc/open-port.ts';
import { pageShell } from '../ipc/shell.ts';
import { App } from './App.tsx';
import { AppContext } from './app-context.ts';
import { createApplication } from './application.ts';
import './app.css';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no root.');
const { host, app, chat } = createApplication(pageShell, openPortOf(pageShell));
createRoot(root).render(
  <StrictMode>
    <HostContext value={host}>
      <AppContext value={app}>
        <ChatContext value={chat}>
          <App />
        </ChatContext>
      </AppContext>
    </HostContext>
  </StrictMode>,
);
