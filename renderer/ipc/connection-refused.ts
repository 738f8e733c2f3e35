/** The host answers and lets this page not in: no reason to try again by itself. The message says what a person can do. */
export class ConnectionRefused extends Error {
  override readonly name = 'ConnectionRefused';
}
