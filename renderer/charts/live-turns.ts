import { DrawingTurns, pageFrames } from './turns.ts';

/** The turns of all live charts of this page. */
export const liveTurns = new DrawingTurns(pageFrames());
