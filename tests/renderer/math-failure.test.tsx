import { cleanup, render, waitFor } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { ReplyText } from '../../renderer/features/chat/ReplyText.tsx';

const file = vi.hoisted(() => ({ isGone: true, asked: 0 }));
vi.mock('../../renderer/features/chat/markdown/math.ts', async (original) => {
  file.asked += 1;
  if (file.isGone) throw new Error('Failed to fetch dynamically imported module.');
  return original();
});

test('a formula whose drawing could not be loaded stays as it was written, and the next one tries again', async () => {
  const show = (text: string) => render(<ReplyText text={text} isGrowing={false} shown={null} />).container;
  const first = show('It is $x^2$.');
  await waitFor(() => expect(file.asked).toBe(1));
  await vi.dynamicImportSettled();
  expect(first.textContent).toBe('It is $x^2$.');
  file.isGone = false;
  const second = show('It is $y^2$.');
  await waitFor(() => expect(second.querySelector('.katex')).not.toBeNull());
  cleanup();
});
