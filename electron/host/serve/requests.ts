/** Which requests browser mode answers at all: those that name this server, from its own pages or from no page. */
import type { IncomingMessage } from 'node:http';

/**
 * Whether the request names this server by one of its three names. Any other name is another site's, pointed at this machine (DNS
 * rebinding).
 */
export function namesUs(request: IncomingMessage, port: number): boolean {
  const given = request.rawHeaders.filter((_, index, all) => index % 2 === 1 && isHostHeader(all[index - 1]));
  const ours = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];
  return given.length === 1 && ours.includes(given[0] ?? '');
}

function isHostHeader(name: string | undefined): boolean {
  return name?.toLowerCase() === 'host';
}

/** The origin of our own pages as this request names us. */
export function isOwnOrigin(request: IncomingMessage): boolean {
  return request.headers.origin === `http://${request.headers.host ?? ''}`;
}

/** The path as it was sent, without the query; a request for another server (`GET http://…`) has none of ours. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}
