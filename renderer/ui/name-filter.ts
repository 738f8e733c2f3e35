/** For lists that a person types into: every typed word stands in one of the names; what begins with them comes first. 0: not meant. */
export function nameFilter(_value: string, typed: string, names: readonly string[] = []): number {
  const low = names.map((name) => name.toLowerCase());
  const words = typed.toLowerCase().trim();
  if (!words.split(/\s+/).every((word) => low.some((name) => name.includes(word)))) return 0;
  return low.some((name) => name.startsWith(words)) ? 1 : 0.5;
}
