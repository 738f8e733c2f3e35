import { serveHighlighting } from './serve-highlighting.ts';

serveHighlighting(self);
