import { describe, expect, test, vi } from 'vitest';
import type { ChatSummary, Message } from '../../electron/contract/chats.ts';
import { listRows } from '../../renderer/features/chat/chat-groups.ts';
import { DraftKeeper, freeName } from '../../renderer/features/chat/draft-keeper.ts';
import { GrowingReply, latestRate } from '../../renderer/features/chat/growing-reply.ts';
import { branchTo, latestLeafBelow, leavesOf } from '../../renderer/features/chat/message-tree.ts';
import { samplingName } from '../../renderer/features/chat/presets.ts';
import { readFiles } from '../../renderer/features/chat/read-files.ts';
import { splitThinking } from '../../electron/contract/thinking.ts';
import { modelForSending } from '../../renderer/features/chat/use-model.ts';
import { readyEngine, tinyModel, tokenOf } from '../helpers/chat-host.ts';

const message = (id: string, parentId: string | null): [string, Message] => [
  id,
  {
    id,
    chatId: 'c',
    parentId,
    role: 'user',
    text: id,
    files: [],
    state: 'complete',
    createdAt: 0,
    reply: null,
  },
];

describe('the tree of messages', () => {
  const tree = new Map([
    message('a', null),
    message('b', 'a'),
    message('c', 'b'),
    message('b2', 'a'),
    message('c2', 'b2'),
    message('a2', null),
  ]);

  test('shows the branch to a leaf, each message with its siblings', () => {
    expect(
      branchTo(tree, 'c').map(({ message: { id }, index, siblings }) => [id, index, siblings.length]),
    ).toEqual([
      ['a', 0, 2],
      ['b', 0, 2],
      ['c', 0, 1],
    ]);
  });

  test('shows nothing for a leaf that is not there', () => {
    expect(branchTo(tree, 'gone')).toEqual([]);
    expect(branchTo(tree, null)).toEqual([]);
  });

  test('ends where messages follow each other in a circle', () => {
    const circle = new Map([message('x', 'y'), message('y', 'x')]);
    expect(branchTo(circle, 'x').length).toBe(2);
  });

  test('goes on from a message to the latest at each fork', () => {
    expect(latestLeafBelow(tree, 'a')).toBe('c2');
    expect(latestLeafBelow(tree, 'b')).toBe('c');
  });

  test('has as many branches as ends', () => {
    expect(leavesOf(tree)).toEqual(['c', 'c2', 'a2']);
  });
});

describe('thoughts', () => {
  test.each([
    ['no thought', [['said', 0, 'no thought']]],
    ['<think>a</think>b', [['thinking', 7, 'a'], ['said', 16, 'b']]],
    ['<think>still', [['thinking', 7, 'still']]],
    ['opened by the template</think>said', [['thinking', 0, 'opened by the template'], ['said', 30, 'said']]],
    ['a<think>b</think>c<think>d', [['said', 0, 'a'], ['thinking', 8, 'b'], ['said', 17, 'c'], ['thinking', 25, 'd']]],
    ['<think>\n\n</think>\n\nsaid', [['said', 17, '\n\nsaid']]],
    ['a</think>b</think>c', [['thinking', 0, 'a'], ['thinking', 9, 'b'], ['said', 18, 'c']]],
    ['a</think>b</think>c<think>d', [['thinking', 0, 'a'], ['thinking', 9, 'b'], ['said', 18, 'c'], ['thinking', 26, 'd']]],
    ['<think>a<think>b</think>c</think>d', [['thinking', 7, 'a'], ['thinking', 15, 'b'], ['thinking', 24, 'c'], ['said', 33, 'd']]],
    ['<think><think>a</think>b', [['thinking', 14, 'a'], ['said', 23, 'b']]],
    ['<think><think>a</think>b<think>c', [['thinking', 14, 'a'], ['said', 23, 'b'], ['thinking', 31, 'c']]],
    ['<think>a<think>b', [['thinking', 7, 'a'], ['thinking', 15, 'b']]],
    ['<think>a</think>b</think>c', [['thinking', 7, 'a'], ['said', 16, 'b</think>c']]],
  ])('of %j are kept apart', (text, parts) => {
    expect(splitThinking(text).map(({ kind, start, text: part }) => [kind, start, part])).toEqual(parts);
  }); // prettier-ignore

  test('that have no end yet are open', () => {
    expect(splitThinking('<think>still')[0]?.isOpen).toBe(true);
    expect(splitThinking('<think>done</think>')[0]?.isOpen).toBe(false);
    expect(splitThinking('<think>one<think>two').map(({ isOpen }) => isOpen)).toEqual([false, true]);
  });

  test('lose no character but their marks, however much of a reply has come', () => {
    const text =
      'a</think>b</think>c<think>d<think>e</think>f</think>g<think>h</think>i</think>j<think><think>k</think>l';
    for (let length = 0; length <= text.length; length += 1) {
      const come = text.slice(0, length);
      const parts = splitThinking(come);
      for (const { start, text: part } of parts) expect(come.startsWith(part, start)).toBe(true);
      const without = (whole: string) => whole.replaceAll(/<\/?think>/g, '');
      expect(without(parts.map((part) => part.text).join(''))).toBe(without(come));
    }
  });
});

describe('a growing reply', () => {
  const reading = { phase: 'reading', done: 1, total: 2 } as const;
  const writing = { phase: 'writing' } as const;

  test('tells its listeners once a frame, however much comes', () => {
    const frames: (() => void)[] = [];
    const reply = new GrowingReply('r', (draw) => void frames.push(draw));
    const heard = vi.fn();
    reply.subscribe(heard);
    for (let number = 0; number < 50; number += 1) {
      reply.add({ number, phase: writing, tokens: [tokenOf(number, 'x')], prefill: [] }, false);
    }
    expect(frames.length).toBe(1);
    expect(reply.getSnapshot().text).toBe('');
    frames[0]?.();
    expect(heard).toHaveBeenCalledTimes(1);
    expect(reply.getSnapshot().text).toBe('x'.repeat(50));
  });

  test('takes tokens that come again after a lost connection only once', () => {
    const reply = new GrowingReply('r', (draw) => draw());
    reply.add({ number: 0, phase: writing, tokens: [tokenOf(0, 'a'), tokenOf(1, 'b')], prefill: [] }, true);
    const fresh = reply.add(
      { number: 1, phase: writing, tokens: [tokenOf(1, 'b'), tokenOf(2, 'c')], prefill: [] },
      true,
    );
    expect(fresh.tokens.map(({ text }) => text)).toEqual(['c']);
    expect(reply.getSnapshot().text).toBe('abc');
  });

  test('has the steps of its prompt from the first update after joining', () => {
    const step = tokenOf(0, '').trace;
    const reply = new GrowingReply('r', (draw) => draw());
    reply.add({ number: 0, phase: reading, tokens: [], prefill: [step] }, true);
    reply.add({ number: 0, phase: reading, tokens: [], prefill: [step] }, false);
    expect(reply.getSnapshot().prefill.length).toBe(2);
    const fresh = reply.add({ number: 0, phase: reading, tokens: [], prefill: [step, step, step] }, true);
    expect(reply.getSnapshot().prefill.length).toBe(3);
    expect(fresh.prefill.length).toBe(1);
  });

  test('draws nothing more once it is stopped, and keeps all that came', () => {
    const reply = new GrowingReply('r', (draw) => draw());
    reply.add({ number: 0, phase: writing, tokens: [tokenOf(0, 'a')], prefill: [] }, true);
    reply.stop();
    reply.add({ number: 1, phase: writing, tokens: [tokenOf(1, 'b')], prefill: [] }, false);
    expect(reply.getSnapshot()).toMatchObject({ text: 'a', isStopping: true });
    expect(reply.timeline().tokens.length).toBe(2);
  });

  test('has a rate by the engine’s clock once there are two tokens', () => {
    expect(latestRate([tokenOf(0, 'a')])).toBeNull();
    expect(latestRate([tokenOf(0, 'a'), tokenOf(1, 'b'), tokenOf(2, 'c')])).toBe(200);
  });
});

describe('the chat list’s rows', () => {
  const now = new Date(2026, 10, 20, 9, 0).getTime();
  const hour = 3_600_000;
  const chat = (id: string, hoursAgo: number, isPinned = false): ChatSummary => ({
    id, title: id, isPinned, createdAt: 0, changedAt: now - hoursAgo * hour, modelTitle: null, tokens: 0, messages: 0,
  }); // prettier-ignore

  test('have a heading for each age, by days of the calendar', () => {
    const rows = listRows(
      [
        chat('p', 999, true),
        chat('a', 8),
        chat('b', 10),
        chat('c', 48),
        chat('d', 24 * 20),
        chat('e', 24 * 100),
      ],
      now,
    );
    const headings = rows.flatMap((row) => (row.kind === 'heading' ? [row.label] : []));
    expect(headings).toEqual(['Pinned', 'Today', 'Yesterday', 'Last week', 'Last month', 'August 2026']);
  });

  test('are none where there are no chats', () => {
    expect(listRows([], now)).toEqual([]);
  });
});

describe('the draft', () => {
  const keeper = () => {
    const saved: [string | null, string][] = [];
    const draft = new DraftKeeper((chatId, text) => {
      saved.push([chatId, text]);
      return Promise.resolve();
    });
    return { draft, saved };
  };

  test('is written down where it belongs when another chat is shown', () => {
    const { draft, saved } = keeper();
    draft.show('one', '');
    draft.setText('half');
    draft.show('two', 'other half');
    expect(saved).toEqual([['one', 'half']]);
    expect(draft.store.getState().text).toBe('other half');
  });

  test('that did not change is not written', () => {
    const { draft, saved } = keeper();
    draft.show('one', 'as it was');
    draft.show('two', '');
    expect(saved).toEqual([]);
  });

  test('of a chat to come is forgotten there when the chat begins and its message is sent', () => {
    const { draft, saved } = keeper();
    draft.show(null, 'kept');
    draft.begin('new');
    draft.clear();
    expect(saved).toEqual([[null, '']]);
  });

  test('goes along to a new chat with its files', async () => {
    const { draft, saved } = keeper();
    draft.show('one', '');
    draft.setText('too long');
    await draft.addFiles([new File(['x'], 'a.txt')]);
    draft.carry();
    draft.show(null, '');
    expect(draft.store.getState()).toMatchObject({ text: 'too long', files: [{ name: 'a.txt' }] });
    draft.flush();
    expect(saved.at(-1)).toEqual([null, 'too long']);
  });

  test('tells files of one name apart', () => {
    expect(freeName('a.txt', [])).toBe('a.txt');
    expect(freeName('a.txt', ['a.txt', 'a (2).txt'])).toBe('a (3).txt');
    expect(freeName('LICENSE', ['LICENSE'])).toBe('LICENSE (2)');
  });
});

describe('files', () => {
  test.each([
    ['a picture', new File(['x'], 'p.png', { type: 'image/png' }), /the picture p\.png was not attached/],
    [
      'bytes that are no UTF-8',
      new File([new Uint8Array([0xff, 0xfe, 0x41])], 'b.bin'),
      /b\.bin is not text in UTF-8/,
    ],
    ['bytes with zeros among them', new File([new Uint8Array([65, 0, 66])], 'z.dat'), /z\.dat is not text/],
  ])('that are %s are refused by name', async (_what, file, reason) => {
    const { files, refused } = await readFiles([file]);
    expect(files).toEqual([]);
    expect(refused[0]).toMatch(reason);
  });

  test('of text are read whole', async () => {
    const { files, refused } = await readFiles([new File(['grün\n'], 'g.txt')]);
    expect(files).toEqual([{ name: 'g.txt', text: 'grün\n' }]);
    expect(refused).toEqual([]);
  });
});

describe('the model that a message goes to', () => {
  const other = { ...tinyModel, id: 'other', kind: 'added' as const };

  test('is the one in memory, else the last, else the one that comes with Retort', () => {
    expect(modelForSending(readyEngine, 'other', [tinyModel, other])).toBe('tiny');
    expect(modelForSending({ state: 'none' }, 'other', [tinyModel, other])).toBe('other');
    expect(modelForSending({ state: 'none' }, 'gone', [other, tinyModel])).toBe('tiny');
  });

  test('is none where no file is there', () => {
    expect(modelForSending({ state: 'none' }, null, [{ ...tinyModel, isPresent: false }])).toBeNull();
    expect(modelForSending({ state: 'none' }, null, null)).toBeNull();
  });
});

test('sampling has the name of the preset it is, of the model, or none', () => {
  const precise = { id: 'p', name: 'precise', systemPrompt: '', sampling: { temperature: 0 } };
  expect(samplingName({}, [precise])).toBe('the model’s own');
  expect(samplingName({ temperature: 0, seed: undefined }, [precise])).toBe('precise');
  expect(samplingName({ temperature: 1 }, [precise])).toBe('changed');
});
