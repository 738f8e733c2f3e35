import { dirname } from 'node:path';
import { LabError, toLabError, type ErrorDetail } from '../../contract/errors.ts';

/** `work` on what lies at `paths`; what it throws names the model by its title instead: pages see no paths. */
export async function withoutPaths<T>(title: string, paths: readonly string[], work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    const { code, message, detail } = toLabError(thrown);
    const told: ErrorDetail = Object.fromEntries(
      Object.entries(detail).map(([name, value]): [string, string | number | undefined] => [
        name,
        typeof value === 'string' ? hidePaths(value, title, paths) : value,
      ]),
    );
    throw new LabError(code, hidePaths(message, title, paths), told, { cause: thrown });
  }
}

function hidePaths(text: string, title: string, paths: readonly string[]): string {
  const hidden = paths.reduce((rest, path) => rest.replaceAll(path, title), text);
  // A root folder is no secret, and its name is part of every path.
  const folders = paths.map((path) => dirname(path)).filter((folder) => folder !== dirname(folder));
  return folders.reduce((rest, folder) => rest.replaceAll(folder, '…'), hidden);
}
