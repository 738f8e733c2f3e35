import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import { LabError } from '../../electron/contract/errors.ts';
import { messageField, openApp } from './app-page.tsx';
import { ChatHost, readyEngine, tinyModel } from '../helpers/chat-host.ts';
import { testShell } from './page.tsx';

const write = (text: string) => fireEvent.change(messageField(), { target: { value: text } });
const press = (key: string, more: object = {}) =>
  fireEvent.keyDown(document.activeElement ?? document.body, { key, ...more });

async function sendMessage(text: string): Promise<void> {
  await screen.findByText('Engine ready');
  write(text);
  fireEvent.keyDown(messageField(), { key: 'Enter' });
  await screen.findByRole('article', { name: 'Your message' });
}

/** A chat with a question and an ended reply of three tokens. */
async function openAnswered(): Promise<ReturnType<typeof openApp>> {
  const app = openApp();
  await sendMessage('Why?');
  await waitFor(() => app.host.growingId);
  app.host.say(app.host.growingId, 'Because', ' of', ' 42.');
  app.host.finish(app.host.growingId, { decodeTokensPerSecond: 148.2, firstTokenMs: 64, seed: 7 });
  await screen.findByRole('button', { name: 'Regenerate' });
  return app;
}

describe('a reply', () => {
  test('grows in the text as its tokens come, under a line that tells the phase', async () => {
    const { host } = openApp();
    await sendMessage('Why is the sky blue?');
    await waitFor(() => host.growingId);
    host.setPhase(host.growingId, { phase: 'reading', done: 812, total: 2048 });
    expect(await screen.findByText('812 of 2,048 tokens')).toBeTruthy();
    host.say(host.growingId, 'The', ' sky');
    expect(await screen.findByText('The sky')).toBeTruthy();
    expect(screen.getByText('writing')).toBeTruthy();
    host.say(host.growingId, ' scatters.');
    expect(await screen.findByText('The sky scatters.')).toBeTruthy();
  });

  test('that ends keeps the very elements that it was drawn with', async () => {
    const { host } = openApp();
    await sendMessage('Why?');
    await waitFor(() => host.growingId);
    host.say(host.growingId, 'Because', ' of', ' 42.\n\n', 'And', ' more.\n\n', 'So', ' there.\n\n', 'Bye.');
    const first = await screen.findByText('Because of 42.');
    await screen.findByText('Bye.');
    host.finish(host.growingId);
    await screen.findByRole('button', { name: 'Regenerate' });
    expect(screen.getByText('Because of 42.')).toBe(first);
  });

  test('tells afterwards what it came to, and opens its tokens from there', async () => {
    await openAnswered();
    const facts = screen.getByRole('button', {
      name: /3 tokens.*148\.2 tokens\/s.*64 ms.*end of turn.*seed 7/,
    });
    fireEvent.click(facts);
    expect(await screen.findByRole('region', { name: 'Token timeline' })).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Close the timeline' }));
    expect(screen.queryByRole('region', { name: 'Token timeline' })).toBeNull();
  });

  test('is stopped by Esc: what is shown stays and nothing more is drawn, whenever the host answers', async () => {
    const { host } = openApp();
    await sendMessage('Count to a million.');
    await waitFor(() => host.growingId);
    const id = host.growingId;
    host.say(id, 'one', ' two');
    await screen.findByText('one two');
    host.finish = () => {
      throw new LabError('internal', 'The host hangs.');
    };
    press('Escape');
    expect(await screen.findByText('stopping')).toBeTruthy();
    host.say(id, ' three');
    await act(() => new Promise((resolve) => setTimeout(resolve, 60)));
    expect(screen.getByText('one two')).toBeTruthy();
    expect(host.called).toContain('stopReply');
  });

  test('goes on when Esc closes a dialog over it', async () => {
    const { host } = openApp();
    await sendMessage('Why?');
    await waitFor(() => host.growingId);
    host.say(host.growingId, 'one');
    await screen.findByText('one');
    fireEvent.click(screen.getByRole('button', { name: /^Sampling/ }));
    await screen.findByRole('heading', { name: 'Sampling' });
    press('Escape');
    await act(() => new Promise((resolve) => setTimeout(resolve, 20)));
    expect(host.called).not.toContain('stopReply');
    host.say(host.growingId, ' two');
    expect(await screen.findByText('one two')).toBeTruthy();
  });

  test('that a person stopped says so and can be continued from its last token', async () => {
    const { host } = openApp();
    await sendMessage('Count.');
    await waitFor(() => host.growingId);
    host.say(host.growingId, 'one', ' two');
    await screen.findByText('one two');
    fireEvent.click(screen.getByRole('button', { name: /Stop/ }));
    expect(await screen.findByText('your request')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Continue' }));
    expect(await screen.findByText('one other1')).toBeTruthy();
    expect(screen.getByText('2 of 2')).toBeTruthy();
  });

  test('that is regenerated becomes a branch, and the arrows switch between the branches', async () => {
    const { host } = await openAnswered();
    fireEvent.click(screen.getByRole('button', { name: 'Regenerate' }));
    await waitFor(() => host.growingId);
    host.say(host.growingId, 'For', ' fun.');
    host.finish(host.growingId);
    expect(await screen.findByText('For fun.')).toBeTruthy();
    expect(await screen.findByText('2 of 2')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Previous branch' }));
    expect(await screen.findByText('Because of 42.')).toBeTruthy();
    expect(screen.getByText('1 of 2')).toBeTruthy();
    expect([...host.chats.values()][0]?.leafId).toBe(host.messages[1]?.id);
  });

  test('is tinted by probability: only the improbable token is painted', async () => {
    const { container } = await openAnswered();
    fireEvent.click(screen.getByRole('radio', { name: 'probability' }));
    await waitFor(() => expect(container.querySelectorAll('[data-token]').length).toBe(3));
    const painted = [...container.querySelectorAll('.token')].filter(({ className }) =>
      /token-\d/.test(className),
    );
    expect(painted.map(({ textContent }) => textContent)).toEqual(['42.']);
    fireEvent.click(screen.getByRole('radio', { name: 'none' }));
    await waitFor(() => expect(container.querySelectorAll('[data-token]').length).toBe(0));
  });

  test('branches from an alternative of a token that is pointed at', async () => {
    const { container } = await openAnswered();
    fireEvent.click(screen.getByRole('radio', { name: 'probability' }));
    await waitFor(() => expect(container.querySelector('[data-token="1"]')).not.toBeNull());
    const word = container.querySelector('[data-token="1"]');
    if (word) fireEvent.pointerOver(word);
    const card = await screen.findByRole('dialog', { name: 'Token 1' });
    expect(word?.classList.contains('token-at')).toBe(true);
    fireEvent.click(within(card).getByRole('button', { name: /branch with/ }));
    await waitFor(() => expect(container.querySelector('.reading')?.textContent).toBe('Because other51'));
  });

  test('whose engine died keeps its text and says why, with the buttons that help', async () => {
    const { host } = openApp();
    await sendMessage('Why?');
    await waitFor(() => host.growingId);
    host.say(host.growingId, 'It was');
    host.finish(
      host.growingId,
      {
        finishReason: null,
        error: { code: 'engine-gone', message: 'The engine ended. What it had written is kept.' },
      },
      'interrupted',
    );
    expect(await screen.findByText('This reply was interrupted.')).toBeTruthy();
    expect(screen.getByText('The engine ended. What it had written is kept.')).toBeTruthy();
    expect(screen.getByText('It was')).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Continue' })).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Regenerate' })).toBeTruthy();
  });

  test('is joined again where it was after the connection was lost', async () => {
    const app = openApp();
    const { host } = app;
    await sendMessage('Why?');
    await waitFor(() => host.growingId);
    const id = host.growingId;
    host.say(id, 'one', ' two');
    await screen.findByText('one two');
    app.disconnect();
    expect(await screen.findByText('Reconnecting', { selector: 'p' })).toBeTruthy();
    host.say(id, ' three');
    expect(await screen.findByText('one two three')).toBeTruthy();
    host.say(id, ' four');
    expect(await screen.findByText('one two three four')).toBeTruthy();
    expect(screen.queryByText('Reconnecting', { selector: 'p' })).toBeNull();
  });

  test('folds what the model thought', async () => {
    const { host } = openApp();
    await sendMessage('Why?');
    await waitFor(() => host.growingId);
    host.say(host.growingId, '<think>', 'Hmm.', '</think>', 'So.');
    host.finish(host.growingId);
    const thought = await screen.findByText('Thought before answering');
    expect(thought.closest('details')?.open).toBe(false);
    expect(within(screen.getByRole('article', { name: 'Reply' })).getByText('So.')).toBeTruthy();
  });
});

describe('the composer', () => {
  test('sends with Enter, breaks the line with Shift Enter, and is empty afterwards', async () => {
    const { host } = openApp();
    await screen.findByText('Engine ready');
    write('Hello');
    fireEvent.keyDown(messageField(), { key: 'Enter', shiftKey: true });
    expect(host.called).not.toContain('send');
    fireEvent.keyDown(messageField(), { key: 'Enter' });
    await waitFor(() => expect(messageField().value).toBe(''));
    expect(host.messages[0]?.text).toBe('Hello');
  });

  test('does not send while a word is being composed', async () => {
    const { host } = openApp();
    await screen.findByText('Engine ready');
    write('こんにちは');
    fireEvent.keyDown(messageField(), { key: 'Enter', isComposing: true });
    await act(() => new Promise((resolve) => setTimeout(resolve, 20)));
    expect(host.called).not.toContain('send');
  });

  test('keeps the message and says why where the host refuses it', async () => {
    const { host } = openApp();
    host.refusal = new LabError('context-full', 'This would be 9,000 tokens. Nothing was sent.');
    await screen.findByText('Engine ready');
    write('Hello');
    fireEvent.keyDown(messageField(), { key: 'Enter' });
    expect(await screen.findByText('This would be 9,000 tokens. Nothing was sent.')).toBeTruthy();
    expect(messageField().value).toBe('Hello');
  });

  test('counts what stands in it and how much is left', async () => {
    openApp();
    await screen.findByText('Engine ready');
    write('three words here');
    const gauge = await screen.findByTitle('Show what is in the context');
    await waitFor(() => expect(gauge.textContent).toBe('3 tokens, then 8,189 left'));
  });

  test('does not send what does not fit: it says by how much and lets a file be left out', async () => {
    const { host } = openApp();
    host.measure = (_text, files) =>
      files.length === 0
        ? { tokens: 17, fits: true }
        : {
            tokens: 8391,
            fits: false,
            parts: [
              { origin: 'file', messageId: null, label: 'notes.txt', tokens: 8374, reusedTokens: 0 },
              { origin: 'draft', messageId: null, label: 'Summarize', tokens: 17, reusedTokens: 0 },
            ],
          };
    await screen.findByText('Engine ready');
    write('Summarize');
    const input = screen.getByLabelText('Attach text files');
    fireEvent.change(input, { target: { files: [new File(['long'], 'notes.txt', { type: 'text/plain' })] } });
    const panel = await screen.findByRole('region', { name: 'Before it is sent' });
    expect(within(panel).getByText('200 tokens too many.')).toBeTruthy();
    fireEvent.keyDown(messageField(), { key: 'Enter' });
    expect(host.called).not.toContain('send');
    fireEvent.click(within(panel).getByRole('button', { name: 'Leave out' }));
    await waitFor(() => expect(screen.queryByRole('region', { name: 'Before it is sent' })).toBeNull());
    fireEvent.keyDown(messageField(), { key: 'Enter' });
    await waitFor(() => expect(host.called).toContain('send'));
    expect(host.messages[0]?.files).toEqual([]);
  });

  test('refuses a picture aloud and takes a text file beside it', async () => {
    openApp();
    await screen.findByText('Engine ready');
    const files = [
      new File([new Uint8Array([137, 80])], 'photo.png', { type: 'image/png' }),
      new File(['a,b'], 'table.csv', { type: 'text/csv' }),
    ];
    fireEvent.drop(screen.getByRole('region', { name: 'Conversation' }), {
      dataTransfer: { files, types: ['Files'] },
    });
    expect(await screen.findByText(/reads text only: the picture photo\.png was not attached/)).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Remove table.csv' })).toBeTruthy();
  });

  test('edits the last message with ↑ in the empty field; sent, it is a branch', async () => {
    const { host } = await openAnswered();
    fireEvent.keyDown(messageField(), { key: 'ArrowUp' });
    const editor = await screen.findByLabelText('Edit your message');
    fireEvent.change(editor, { target: { value: 'Why not?' } });
    fireEvent.keyDown(editor, { key: 'Enter' });
    expect(await screen.findByText('Why not?')).toBeTruthy();
    expect(await screen.findByText('2 of 2')).toBeTruthy();
    expect(host.messages.filter(({ role }) => role === 'user').map(({ parentId }) => parentId)).toEqual([
      null,
      null,
    ]);
  });

  test('keeps the draft of each chat', async () => {
    const host = new ChatHost();
    const one = host.addChat({ title: 'One', draft: 'half a thought' });
    const two = host.addChat({ title: 'Two' });
    openApp(host, { fragment: `#/chat/${one.id}` });
    await waitFor(() => expect(messageField().value).toBe('half a thought'));
    write('half a thought more');
    fireEvent.click(screen.getByRole('link', { name: /Two/ }));
    window.location.hash = `#/chat/${two.id}`;
    await waitFor(() => expect(messageField().value).toBe(''));
    await waitFor(() => expect(host.chats.get(one.id)?.draft).toBe('half a thought more'));
  });

  test('keeps the draft of a chat that has not begun, and gives it back at the next start', async () => {
    const host = new ChatHost();
    host.settings = { ...host.settings, draft: 'not sent' };
    openApp(host);
    await waitFor(() => expect(messageField().value).toBe('not sent'));
    fireEvent.keyDown(messageField(), { key: 'Enter' });
    await waitFor(() => expect(host.settings.draft).toBe(''));
    expect(host.messages[0]?.text).toBe('not sent');
  });
});

test('what was written before the host answered stays with the chat to come, also where another was open the last time', async () => {
  const host = new ChatHost();
  const last = host.addChat({ title: 'The last one', draft: 'of the last one' });
  host.settings = { ...host.settings, draft: 'older', lastChat: last.id };
  openApp(host);
  write('newer');
  await screen.findByText('Engine ready');
  await waitFor(() => expect(host.settings.draft).toBe('newer'), { timeout: 3000 });
  expect(messageField().value).toBe('newer');
  expect(host.chats.get(last.id)?.draft).toBe('of the last one');
});

test('what was written before the host answered follows the draft of the chat that the address names', async () => {
  const host = new ChatHost();
  const named = host.addChat({ title: 'Named', draft: 'half' });
  openApp(host, { fragment: `#/chat/${named.id}` });
  write('more');
  await screen.findByRole('heading', { name: 'Named', level: 1 });
  await waitFor(() => expect(messageField().value).toBe('half\nmore'));
  await waitFor(() => expect(host.chats.get(named.id)?.draft).toBe('half\nmore'), { timeout: 3000 });
  expect(host.settings.draft).toBe('');
});

test('what was written before the host answered stays, whatever draft it kept', async () => {
  const host = new ChatHost();
  host.settings = { ...host.settings, draft: 'older' };
  openApp(host);
  write('newer');
  await screen.findByText('Engine ready');
  expect(messageField().value).toBe('newer');
  await waitFor(() => expect(host.settings.draft).toBe('newer'), { timeout: 3000 });
});

describe('the chat list', () => {
  test('shows pinned chats first, then by age', async () => {
    const host = new ChatHost();
    const day = 86_400_000;
    host.addChat({ title: 'Of last month', changedAt: Date.now() - 20 * day });
    host.addChat({ title: 'Of today' });
    host.addChat({ title: 'The pinned', isPinned: true, changedAt: Date.now() - 40 * day });
    openApp(host);
    const list = await screen.findByRole('list', { name: 'Chats' });
    await waitFor(() => expect(within(list).getAllByRole('link').length).toBe(3));
    expect(
      within(list)
        .getAllByRole('heading')
        .map(({ textContent }) => textContent),
    ).toEqual(['Pinned', 'Today', 'Last month']);
    expect(
      within(list)
        .getAllByRole('link')
        .map(({ textContent }) => textContent?.replace(/0 tokens$/, '')),
    ).toEqual(['The pinned', 'Of today', 'Of last month']);
  });

  async function openMenu(title: string): Promise<void> {
    const trigger = await screen.findByRole('button', { name: `More about ${title}` });
    fireEvent.keyDown(trigger, { key: 'Enter' });
  }

  test('renames a chat in place', async () => {
    const host = new ChatHost();
    const chat = host.addChat({ title: 'Old' });
    openApp(host);
    await openMenu('Old');
    fireEvent.click(await screen.findByRole('menuitem', { name: 'Rename' }));
    const field = await screen.findByLabelText('New name of Old');
    fireEvent.change(field, { target: { value: '  New  ' } });
    fireEvent.submit(field);
    await waitFor(() => expect(host.chats.get(chat.id)?.title).toBe('New'));
    expect(document.activeElement).toBe(await screen.findByRole('link', { name: /New/ }));
  });

  test('a renaming given up leaves the name and the focus', async () => {
    const host = new ChatHost();
    const chat = host.addChat({ title: 'Old' });
    openApp(host);
    await openMenu('Old');
    fireEvent.click(await screen.findByRole('menuitem', { name: 'Rename' }));
    const field = await screen.findByLabelText('New name of Old');
    fireEvent.change(field, { target: { value: 'New' } });
    fireEvent.keyDown(field, { key: 'Escape' });
    expect(document.activeElement).toBe(await screen.findByRole('link', { name: /Old/ }));
    expect(host.chats.get(chat.id)?.title).toBe('Old');
  });

  test('deletes a chat and undoes it', async () => {
    const host = new ChatHost();
    const chat = host.addChat({ title: 'Precious' });
    openApp(host);
    await openMenu('Precious');
    fireEvent.click(await screen.findByRole('menuitem', { name: 'Delete' }));
    expect(await screen.findByText('“Precious” deleted')).toBeTruthy();
    expect(screen.queryByRole('link', { name: /Precious/ })).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: 'Undo' }));
    expect(await screen.findByRole('link', { name: /Precious/ })).toBeTruthy();
    expect(host.chats.has(chat.id)).toBe(true);
  });

  test('exports a chat through the shell where there is one', async () => {
    const host = new ChatHost();
    host.addChat({ title: 'Mine' });
    const shell = testShell();
    openApp(host, { shell });
    await openMenu('Mine');
    fireEvent.click(await screen.findByRole('menuitem', { name: 'Export as Markdown' }));
    await waitFor(() => expect(shell.saved).toEqual([{ fileName: 'Mine.markdown', text: 'exported' }]));
    expect(await screen.findByText('Saved Mine.markdown')).toBeTruthy();
  });

  test('finds words in messages, marks them and leads to the message', async () => {
    const host = new ChatHost();
    const chat = host.addChat({ title: 'About tides' });
    host.addMessage(chat.id, { text: 'Why do tides rise?' });
    openApp(host);
    fireEvent.change(await screen.findByLabelText('Search chats'), { target: { value: 'tides' } });
    const results = await screen.findByRole('list', { name: 'Results' });
    await waitFor(() => expect(results.querySelector('mark')?.textContent).toBe('tides'));
    const link = within(results).getByRole('link');
    expect(link.getAttribute('href')).toBe(`#/chat/${chat.id}/${host.messages[0]?.id ?? ''}`);
  });
});

describe('where no reply can be written', () => {
  test('no model: says so, with a button that loads the one that comes with Retort', async () => {
    const host = new ChatHost();
    host.engine = { state: 'none' };
    openApp(host);
    expect(await screen.findByText('No model is in memory.')).toBeTruthy();
    fireEvent.click(await screen.findByRole('button', { name: 'Load Tiny model' }));
    await waitFor(() => expect(host.called).toContain('loadModel'));
  });

  test('a model that loads: phase, done of total and Cancel; a message can be sent already', async () => {
    const host = new ChatHost();
    host.engine = {
      state: 'loading', model: 'tiny', title: 'Tiny model', phase: 'load weights',
      done: 50 * 1024 ** 2, total: 100 * 1024 ** 2, startedAt: Date.now() - 2000,
    }; // prettier-ignore
    openApp(host);
    expect(await screen.findByText('Loading Tiny model: load weights')).toBeTruthy();
    expect(screen.getByText('50.0 MiB of 100 MiB')).toBeTruthy();
    expect(screen.getByText(/MiB\/s$/)).toBeTruthy();
    write('Hello');
    fireEvent.keyDown(messageField(), { key: 'Enter' });
    await waitFor(() => expect(host.called).toContain('send'));
    fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
    await waitFor(() => expect(host.called).toContain('unloadModel'));
  });

  test('a model that is too large: the reason, and the context that would fit', async () => {
    const host = new ChatHost();
    host.engine = {
      state: 'failed', model: 'tiny', title: 'Tiny model',
      error: { code: 'memory-limit', message: 'It needs 4.1 GiB more than is free.' },
      fix: { kind: 'lower-context', context: 2048 },
    }; // prettier-ignore
    openApp(host);
    expect(await screen.findByText('It needs 4.1 GiB more than is free.')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Load with a context of 2,048' }));
    await waitFor(() => expect(host.called).toContain('loadModel'));
  });

  test('a budget above what is free: the reason, and a button that gives it up', async () => {
    const host = new ChatHost();
    host.engine = {
      state: 'failed', model: 'tiny', title: 'Tiny model',
      error: { code: 'out-of-memory', message: 'Its budget is above what is free.' },
      fix: { kind: 'auto-budget', context: null },
    }; // prettier-ignore
    openApp(host);
    fireEvent.click(await screen.findByRole('button', { name: 'Load with an automatic budget' }));
    await waitFor(() => expect(host.called).toContain('loadModel'));
  });

  test('an engine that died: the reason, and a button that loads the model again', async () => {
    const { host } = openApp();
    await screen.findByText('Engine ready');
    host.emit({
      type: 'engine',
      engine: {
        state: 'failed', model: 'tiny', title: 'Tiny model',
        error: { code: 'engine-gone', message: 'The engine process was killed.' }, fix: { kind: 'reload' },
      },
    }); // prettier-ignore
    expect(await screen.findByText('The engine process was killed.')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Load it again' }));
    await waitFor(() => expect(host.called).toContain('loadModel'));
    host.emit({ type: 'engine', engine: readyEngine });
    await waitFor(() => expect(screen.queryByText('The engine process was killed.')).toBeNull());
  });

  test('a notice goes when what it says is no longer so', async () => {
    const { host } = openApp();
    await screen.findByText('Engine ready');
    const notice = { id: 'n', level: 'error', message: 'The disk is full.', at: 1 } as const;
    host.emit({ type: 'notice', notice });
    expect(await screen.findByText('The disk is full.')).toBeTruthy();
    host.emit({ type: 'notice-removed', id: 'n' });
    await waitFor(() => expect(screen.queryByText('The disk is full.')).toBeNull());
  });

  test('no model anywhere: it can only be chosen', async () => {
    const host = new ChatHost();
    host.engine = { state: 'none' };
    host.models = [{ ...tinyModel, isPresent: false }];
    openApp(host);
    expect(await screen.findByText('Choose one to chat with.')).toBeTruthy();
    write('Hello');
    fireEvent.keyDown(messageField(), { key: 'Enter' });
    expect(host.called).not.toContain('send');
  });

  test('a chat that cannot be read: the reason and another try, no empty chat', async () => {
    openApp(new ChatHost(), { fragment: '#/chat/gone' });
    expect(await screen.findByText('There is no chat gone.')).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy();
    expect(screen.queryByRole('list', { name: 'Examples' })).toBeNull();
  });
});

describe('what a chat is asked with', () => {
  const brief = { id: 'brief', name: 'Brief', systemPrompt: 'Be brief.', sampling: { temperature: 0.2 } };

  async function choosePreset(): Promise<ReturnType<typeof openApp>> {
    const host = new ChatHost();
    host.settings = { ...host.settings, presets: [brief] };
    const app = openApp(host);
    await screen.findByText('Engine ready');
    fireEvent.click(screen.getByRole('button', { name: /^Sampling/ }));
    fireEvent.change(await screen.findByLabelText('Preset'), { target: { value: 'brief' } });
    await screen.findByText('Saved, the preset’s system prompt is this chat’s too.');
    return app;
  }

  test('is not changed by a preset in a dialog that is cancelled', async () => {
    const { host } = await choosePreset();
    fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
    await waitFor(() => expect(screen.queryByRole('heading', { name: 'Sampling' })).toBeNull());
    expect(screen.getByRole('button', { name: 'Sampling: the model’s own' })).toBeTruthy();
    expect(host.called).not.toContain('createChat');
  });

  test('is the preset’s once it is saved', async () => {
    const { host } = await choosePreset();
    fireEvent.click(screen.getByRole('button', { name: 'Save' }));
    expect(await screen.findByRole('button', { name: 'Sampling: Brief' })).toBeTruthy();
    expect([...host.chats.values()]).toMatchObject([
      { systemPrompt: 'Be brief.', sampling: { temperature: 0.2 } },
    ]);
  });

  test('is the preset’s sampling too where it was chosen for its system prompt, and that is said', async () => {
    const host = new ChatHost();
    host.settings = { ...host.settings, presets: [brief] };
    openApp(host);
    await screen.findByText('Engine ready');
    fireEvent.click(screen.getByRole('button', { name: 'System prompt' }));
    const preset = await screen.findByLabelText('Preset');
    expect(screen.queryByText(/^Saved, the preset’s sampling/)).toBeNull();
    fireEvent.change(preset, { target: { value: 'brief' } });
    await screen.findByText('Saved, the preset’s sampling is this chat’s too.');
    fireEvent.click(screen.getByRole('button', { name: 'Save' }));
    expect(await screen.findByRole('button', { name: 'Sampling: Brief' })).toBeTruthy();
  });

  test('is a model found by words of its title, not by letters here and there', async () => {
    openApp();
    await screen.findByText('Engine ready');
    fireEvent.click(screen.getByRole('button', { name: /^Model: / }));
    const find = await screen.findByPlaceholderText('Find a model');
    const titles = () => screen.queryAllByRole('option').map(({ textContent }) => textContent);
    fireEvent.change(find, { target: { value: tinyModel.title.slice(0, 4) } });
    await waitFor(() => expect(titles().join()).toContain(tinyModel.title));
    fireEvent.change(find, { target: { value: 'tmdl' } });
    await screen.findByText('No model of that name.');
    expect(titles()).toEqual([]);
  });
});
