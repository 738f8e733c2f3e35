import { describe, expect, test } from 'vitest';
import { DrawingTurns, type Frames } from '../../renderer/charts/turns.ts';

/** Frames of 16 ms and a clock that stand still until they are let run. */
class HandFrames implements Frames {
  time = 0;
  isAway = false;
  private frames: (() => void)[] = [];
  private timers: { at: number; callback: () => void }[] = [];
  private shown: () => void = () => undefined;

  request(callback: () => void): void {
    this.frames.push(callback);
  }
  after(ms: number, callback: () => void): void {
    this.timers.push({ at: this.time + ms, callback });
  }
  now(): number {
    return this.time;
  }
  isHidden(): boolean {
    return this.isAway;
  }
  onShown(callback: () => void): void {
    this.shown = callback;
  }
  get waiting(): number {
    return this.frames.length + this.timers.length;
  }
  show(): void {
    this.isAway = false;
    this.shown();
  }
  run(ms: number): void {
    const end = this.time + ms;
    for (; this.time < end; this.time += 16) {
      const due = this.timers.filter(({ at }) => at <= this.time);
      this.timers = this.timers.filter(({ at }) => at > this.time);
      for (const { callback } of due) callback();
      if (this.isAway) continue; // a hidden page has no frames
      const frames = this.frames;
      this.frames = [];
      for (const callback of frames) callback();
    }
  }
}

function charts(frames: HandFrames, names: string[]) {
  const turns = new DrawingTurns(frames);
  const drawn: { name: string; at: number }[] = [];
  const seen = new Set(names);
  const added = names.map((name) =>
    turns.add({
      name,
      isVisible: () => seen.has(name),
      draw: () => void drawn.push({ name, at: frames.time }),
    }),
  );
  return { drawn, seen, added };
}

describe('live charts', () => {
  test('are drawn in turn, one in a frame', () => {
    const frames = new HandFrames();
    const { drawn } = charts(frames, ['time', 'speed', 'memory']);
    frames.run(64);
    expect(drawn).toEqual([
      { name: 'time', at: 0 },
      { name: 'speed', at: 16 },
      { name: 'memory', at: 32 },
    ]);
    expect(frames.waiting).toBe(0);
  });

  test('are each drawn at most five times a second, however often they change, and none is left out', () => {
    const frames = new HandFrames();
    const { drawn, added } = charts(frames, ['time', 'speed', 'kv', 'memory']);
    for (let step = 0; step < 125; step++) {
      for (const turn of added) turn.invalidate();
      frames.run(16);
    }
    for (const name of ['time', 'speed', 'kv', 'memory']) {
      const times = drawn.filter((drawing) => drawing.name === name).map(({ at }) => at);
      expect(times.length).toBeGreaterThanOrEqual(9);
      expect(times.length).toBeLessThanOrEqual(10);
      for (let index = 1; index < times.length; index++) {
        expect(times[index]! - times[index - 1]!).toBeGreaterThanOrEqual(200);
      }
    }
    expect(new Set(drawn.map(({ at }) => at)).size).toBe(drawn.length);
  });

  test('are not drawn while the page is hidden, and once when it is shown again', () => {
    const frames = new HandFrames();
    const { drawn, added } = charts(frames, ['time']);
    frames.run(16);
    frames.isAway = true;
    for (let step = 0; step < 50; step++) {
      added[0]?.invalidate();
      frames.run(16);
    }
    expect(drawn).toHaveLength(1);
    frames.show();
    frames.run(400);
    expect(drawn).toHaveLength(2);
  });

  test('out of sight cost no frame', () => {
    const frames = new HandFrames();
    const { drawn, seen, added } = charts(frames, ['time']);
    frames.run(300);
    seen.clear();
    added[0]?.invalidate();
    expect(frames.waiting).toBe(0);
    seen.add('time');
    added[0]?.invalidate();
    frames.run(300);
    expect(drawn).toHaveLength(2);
  });

  test('that were removed are not drawn any more', () => {
    const frames = new HandFrames();
    const { drawn, added } = charts(frames, ['time', 'speed']);
    added[0]?.remove();
    frames.run(64);
    expect(drawn.map(({ name }) => name)).toEqual(['speed']);
  });
});
