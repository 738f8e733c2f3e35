/** For lists that a person types into: every typed word stands in the name; what begins with them comes first. 0: not meant. */
export function nameFilter(_value: string, typed: string, [name = '']: string[] = []): number {
  const [low, words] = [name.toLowerCase(), typed.toLowerCase().trim()];
  if (!words.split(/\s+/).every((word) => low.includes(word))) return 0;
  return low.startsWith(words) ? 1 : 0.5;
}
