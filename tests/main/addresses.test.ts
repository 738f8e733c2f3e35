import { expect, it } from 'vitest';
import { isAppPage, isAppUrl } from '../../electron/main/app-origin.ts';
import { externalAddress } from '../../electron/main/external-address.ts';

it.each([
  ['https://example.com', 'https://example.com/'],
  ['https://example.com/a?b=c#d', 'https://example.com/a?b=c#d'],
  ['HTTPS://EXAMPLE.com:8443/', 'https://example.com:8443/'],
  ['https://аррӏе.com/', 'https://xn--80ak6aa92e.com/'],
  ['https://example.com/\u202egpj.exe', 'https://example.com/%E2%80%AEgpj.exe'],
])('%j may be offered to the browser as %j', (address, shown) => {
  expect(externalAddress(address)).toBe(shown);
});

it.each([
  'http://example.com/', 'file:///etc/passwd', 'javascript:alert(1)', 'data:text/html,x', 'mailto:a@example.com', 'app://retort/',
  'https://person@example.com/', 'https://person:secret@example.com/', 'https://', '//example.com', 'example.com', '',
  'ms-settings:privacy', 'smb://host/share', `https://example.com/${'x'.repeat(2048)}`,
])('%j is never offered', (address) => {
  expect(externalAddress(address)).toBeNull();
}); // prettier-ignore

it.each([
  ['app://retort/', true, true],
  ['app://retort/#/chat', true, true],
  ['app://retort/assets/x.js', true, false],
  ['app://retort/elsewhere.html', true, false],
  ['app://retort.evil/', false, false],
  ['app://evil/', false, false],
  ['app://retort@evil/', false, false],
  ['app://person@retort/', false, false],
  ['app://retort:80/', false, false],
  ['apps://retort/', false, false],
  ['https://retort/', false, false],
  ['blob:app://retort/1', false, false],
  ['about:blank', false, false],
  ['', false, false],
])('%j is of our origin: %j, and our page: %j', (address, isOurs, isPage) => {
  expect([isAppUrl(address), isAppPage(address)]).toEqual([isOurs, isPage]);
});
