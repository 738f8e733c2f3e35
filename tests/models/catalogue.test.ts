import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import catalogue from '../../models/catalogue.json' with { type: 'json' };

const models = join(import.meta.dirname, '../../models');

it('every model of the catalogue lies where it says, with the size and hash it says', async () => {
  expect(catalogue.length).toBeGreaterThan(0);
  for (const { path, bytes, sha256 } of catalogue) {
    const file = join(models, path);
    expect((await stat(file)).size).toBe(bytes);
    const hash = createHash('sha256');
    for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
    expect(hash.digest('hex')).toBe(sha256);
  }
});
