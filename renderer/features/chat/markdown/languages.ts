/** Languages by the names that stand behind a fence. Their grammars are the worker's: grammars.ts. */
const languages = [
  'bash',
  'c',
  'cpp',
  'csharp',
  'css',
  'diff',
  'go',
  'html',
  'java',
  'javascript',
  'json',
  'jsx',
  'julia',
  'kotlin',
  'latex',
  'lua',
  'markdown',
  'php',
  'python',
  'r',
  'ruby',
  'rust',
  'sql',
  'swift',
  'toml',
  'tsx',
  'typescript',
  'xml',
  'yaml',
] as const;

export type Language = (typeof languages)[number];

const otherNames: Readonly<Record<string, Language>> = {
  'c++': 'cpp',
  cc: 'cpp',
  cs: 'csharp',
  htm: 'html',
  js: 'javascript',
  kt: 'kotlin',
  md: 'markdown',
  py: 'python',
  py3: 'python',
  rb: 'ruby',
  rs: 'rust',
  sh: 'bash',
  shell: 'bash',
  tex: 'latex',
  ts: 'typescript',
  yml: 'yaml',
  zsh: 'bash',
};

/** Null where there is no grammar of that name. */
export function languageOf(name: string): Language | null {
  const lower = name.toLowerCase();
  if (Object.hasOwn(otherNames, lower)) return otherNames[lower] ?? null;
  return languages.find((language) => language === lower) ?? null;
}
