/** A chat's title until a person gives it another: the first words of its first message. */
import type { AttachedFile } from '../../contract/chats.ts';

export const untitled = 'New chat';
const longestTitle = 60;

/** `untitled` where neither the text nor a file's name has a word. */
export function titleOf(text: string, files: readonly AttachedFile[]): string {
  const named = files.map((file) => file.name);
  for (const line of [...text.split(/\r\n|\r|\n/), ...named]) {
    const plain = withoutMarkdown(line);
    if (/[\p{L}\p{N}]/u.test(plain)) return shortened(plain);
  }
  return untitled;
}

/** Marks at the beginning of a line, fences with their language, emphasis, and links of which the text stays. */
function withoutMarkdown(line: string): string {
  return line
    .slice(0, 2000)
    .replace(/^\s*(?:`{3,}|~{3,}).*$/u, '')
    .replace(/^\s*(?:(?:#{1,6}|>|[-*+]|\d{1,9}[.)])\s+)+/u, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/gu, '$1')
    .replace(/[*_~`]{1,3}(?=\S)|(?<=\S)[*_~`]{1,3}(?=$|[\s\p{P}])/gu, (marks, at: number, whole: string) =>
      isInsideWord(whole, at, marks.length) ? marks : '',
    )
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim();
}

/** snake_case and 2*3 are no emphasis. */
function isInsideWord(line: string, at: number, length: number): boolean {
  return /[\p{L}\p{N}]/u.test(line[at - 1] ?? ' ') && /[\p{L}\p{N}]/u.test(line[at + length] ?? ' ');
}

function shortened(text: string): string {
  const characters = [...text];
  if (characters.length <= longestTitle) return text;
  const cut = characters.slice(0, longestTitle).join('');
  const space = cut.lastIndexOf(' ');
  // A language without spaces has no boundary near: it is cut where it is.
  return `${(space < longestTitle / 2 ? cut : cut.slice(0, space)).replace(/[\s\p{P}]+$/u, '')}…`;
}
