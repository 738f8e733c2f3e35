/** One page that needs nothing else and runs nothing: every text is escaped, and its own policy forbids the rest. */
import { escaped } from '../escape-html.ts';
import type { AttachedFile, Chat, Message } from '../../contract/chats.ts';

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
section { margin: 1.5rem 0; border-top: 1px solid #8884; padding-top: 1rem; }
h2, .end { font-size: 0.85rem; color: #888; margin: 0 0 0.5rem; }
.text, pre { white-space: pre-wrap; overflow-wrap: anywhere; }
`;

export function toHtml(chat: Chat, branch: readonly Message[]): string {
  const system = chat.systemPrompt === '' ? '' : section('System prompt', chat.systemPrompt, '');
  return `<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${escaped(chat.title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(chat.title)}</h1>
${system}${branch.map(messageSection).join('')}</body>
</html>
`;
}

function messageSection({ role, reply, text, files, state }: Message): string {
  const heading = role === 'user' ? 'You' : (reply?.modelTitle ?? 'Reply');
  const ending =
    state === 'complete' ? '' : `<p class="end">${escaped(reply?.error?.message ?? 'Interrupted.')}</p>\n`;
  return section(heading, text, files.map(fileDetails).join('') + ending);
}

function section(heading: string, text: string, after: string): string {
  return `<section>\n<h2>${escaped(heading)}</h2>\n<div class="text">${escaped(text)}</div>\n${after}</section>\n`;
}

function fileDetails({ name, text }: AttachedFile): string {
  return `<details><summary>${escaped(name)}</summary><pre>${escaped(text)}</pre></details>\n`;
}
