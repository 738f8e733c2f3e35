import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reachableBounds, readWindowState, writeWindowState } from '../../electron/main/window-state.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const display = { x: 0, y: 0, width: 1920, height: 1080 };
const right = { x: 1920, y: 0, width: 1280, height: 1024 };
const at = (x: number, y: number, width = 1000, height = 700) => ({
  bounds: { x, y, width, height },
  isMaximized: false,
});

describe('the window’s place', () => {
  it('is what was written', () => {
    const file = join(temporaryFolder(), 'window.json');
    writeWindowState(file, at(10, 20));
    expect(readWindowState(file)).toEqual(at(10, 20));
  });

  it.each([
    ['cut', '{"bounds":{"x":1'],
    ['empty', ''],
    ['of another shape', '{"bounds":{"x":"1","y":0,"width":1,"height":1},"isMaximized":false}'],
    ['a list', '[]'],
  ])('is forgotten where its file is %s', (_what, text) => {
    const file = join(temporaryFolder(), 'window.json');
    writeFileSync(file, text);
    expect(readWindowState(file)).toBeNull();
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('that cannot be written is no error and leaves nothing behind', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'window.json'));
    writeWindowState(join(folder, 'window.json'), at(1, 1));
    expect(readdirSync(folder)).toEqual(['window.json']);
    writeWindowState(join(folder, 'missing', 'window.json'), at(1, 1));
  });
});

describe('where a window opens', () => {
  it.each([
    ['where it was', at(100, 50), [display], { x: 100, y: 50, width: 1000, height: 700 }],
    ['on the second display', at(2000, 50), [display, right], { x: 2000, y: 50, width: 1000, height: 700 }],
    ['where half of it is seen', at(1500, 50), [display], { x: 1500, y: 50, width: 1000, height: 700 }],
    ['in the middle where its display is gone', at(2000, 50), [display], { width: 1000, height: 700 }],
    ['in the middle where its title is above', at(100, -500), [display], { width: 1000, height: 700 }],
    ['in the middle where its title is below', at(100, 1070), [display], { width: 1000, height: 700 }],
    [
      'no larger than the display',
      at(0, 0, 9000, 9000),
      [display],
      { x: 0, y: 0, width: 1920, height: 1080 },
    ],
    ['no smaller than can be used', at(0, 0, 200, 100), [display], { x: 0, y: 0, width: 800, height: 560 }],
    ['at its usual size the first time', null, [display], { width: 1280, height: 800 }],
    ['at its usual size without a display', null, [], { width: 1280, height: 800 }],
  ])('%s', (_what, state, displays, expected) => {
    expect(reachableBounds(state, displays)).toEqual(expected);
  });
});
