/** An architecture is data: the C++ side knows blocks, never the families that are made of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { families } from '../../models/families/index.ts';

const folder = fileURLToPath(new URL('../../native', import.meta.url));

function familyNames(): string[] {
  const names = families.flatMap(({ name, modelTypes, ggufArchitectures }) => [
    name,
    ...modelTypes,
    ...ggufArchitectures,
  ]);
  // Also without a version: "phi3" forbids "phi".
  return [...new Set(names.flatMap((name) => [name, name.replace(/[\d_].*$/, '')]))];
}

/** Lines that hold one of the names as a word, case ignored; a version may follow it. */
function linesThatName(text: string, names: readonly string[]): string[] {
  const pattern = new RegExp(`(?<![a-z])(${names.join('|')})[\\d_.-]*(?![a-z])`, 'i');
  // llama.cpp is a program.
  return text.split('\n').filter((line) => pattern.test(line.replaceAll('llama.cpp', '')));
}

describe('native/', () => {
  it('holds no name of a family', () => {
    const names = familyNames();
    expect(names.length).toBeGreaterThan(10);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(20);
    for (const { parentPath, name } of files) {
      const path = join(parentPath, name);
      expect(linesThatName(`${name}\n${readFileSync(path, 'utf8')}`, names), path).toEqual([]);
    }
  });

  it('would be caught with one', () => {
    const names = familyNames();
    for (const line of ['case Family::Qwen3:', '// as gemma does', 'is_opt(model)', 'LLAMA', 'mamba2_scan']) {
      expect(linesThatName(line, names)).toEqual([line]);
    }
    expect(linesThatName('std::optional<int> optimum; // as llama.cpp', names)).toEqual([]);
  });
});
