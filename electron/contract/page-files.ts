/** How the pages' own files are served: the same rule for names and the same headers under app:// and over HTTP. */

/** No inline script or style, no eval, nothing from elsewhere. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const mediaTypes = new Map(
  Object.entries({
    css: 'text/css; charset=utf-8',
    html: 'text/html; charset=utf-8',
    js: 'text/javascript; charset=utf-8',
    json: 'application/json; charset=utf-8',
    png: 'image/png',
    svg: 'image/svg+xml',
    ttf: 'font/ttf',
    txt: 'text/plain; charset=utf-8',
    woff: 'font/woff',
    woff2: 'font/woff2',
  }),
);

export interface PageFile {
  /** Relative to the folder of the built pages, with /; stays inside it. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** No segment begins with a dot and nothing is decoded, so that no name leaves the folder. */
const plainPath = /^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/;

/** The file that a URL's path names; null: no page has such a file. */
export function pageFile(path: string): PageFile | null {
  const name = path === '/' ? 'index.html' : plainPath.test(path) ? path.slice(1) : null;
  const type = name === null ? undefined : mediaTypes.get(name.slice(name.lastIndexOf('.') + 1));
  if (name === null || type === undefined) return null;
  return { name, headers: { 'content-type': type, ...pageHeaders } };
}

/** Of every answer, also where there is no such file. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // A link on a page is no reason to ask any server for its name.
  'x-dns-prefetch-control': 'off',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
