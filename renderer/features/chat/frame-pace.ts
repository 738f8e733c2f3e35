/**
 * When a growing reply is drawn: once a frame while drawing is cheap; where a frame's work is long, less often, so that the page has most
 * of its time for a person.
 */
export type Schedule = (draw: () => void) => void;

/** Of the page's time, at most one part in so many goes into drawing a reply. */
const shareOfTime = 2;
/** Where the page is hidden there are no frames. */
const hiddenMs = 200;
const frameMs = 16;

export function framePace(): Schedule {
  let restMs = 0;
  const drawNow = (draw: () => void) => {
    const start = performance.now();
    draw();
    // After this frame's layout and paint, which are part of what it costs.
    setTimeout(() => {
      restMs = (performance.now() - start) * (shareOfTime - 1);
    }, 0);
  };
  return (draw) => {
    const nextFrame = () => void requestAnimationFrame(() => drawNow(draw));
    if (document.visibilityState !== 'visible') setTimeout(() => drawNow(draw), hiddenMs);
    else if (restMs > frameMs) setTimeout(nextFrame, restMs - frameMs);
    else nextFrame();
  };
}
