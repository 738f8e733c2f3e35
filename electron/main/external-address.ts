const longestAddress = 2048;

/** The address of a link that may be offered to the system's browser, as it will be opened; null for any other. */
export function externalAddress(address: string): string | null {
  if (address.length > longestAddress) return null;
  try {
    const { protocol, hostname, username, password, href } = new URL(address);
    const isPlain = protocol === 'https:' && hostname !== '' && username === '' && password === '';
    return isPlain && href.length <= longestAddress ? href : null;
  } catch {
    return null;
  }
}
