/// <reference lib="dom" />
import type { Locator } from 'playwright-core';

/** Pixels of a canvas that have the colour of a role of tokens.css. */
export function painted(place: Locator, role: string): Promise<number> {
  return place.locator('canvas').evaluate((canvas: HTMLCanvasElement, name) => {
    const probe = document.createElement('i');
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const [red, green, blue] = getComputedStyle(probe).color.match(/\d+/g)!.map(Number);
    probe.remove();
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] === red && data[at + 1] === green && data[at + 2] === blue && data[at + 3] === 255)
        count += 1;
    }
    return count;
  }, role);
}
