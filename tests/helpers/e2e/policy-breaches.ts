/**
 * What the content security policy forbids, tried as functions that run in a page: each resolves with 'blocked' where nothing happened.
 * They run in tasks of their own, because what a test evaluates directly may do more than the page itself.
 */
/// <reference lib="dom" />

type Breach = () => Promise<string>;

export const policyBreaches: [string, Breach][] = [
  [
    'evaluate text',
    () =>
      new Promise((resolve) =>
        setTimeout(() => {
          try {
            // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- what is tested
            resolve(String(new Function('return 1')()));
          } catch {
            resolve('blocked');
          }
        }),
      ),
  ],
  [
    'run a timer of text',
    () =>
      new Promise((resolve) => {
        setTimeout(() => {
          try {
            // eslint-disable-next-line @typescript-eslint/no-implied-eval -- what is tested
            setTimeout('globalThis.ranText = true');
          } catch {
            /* refused at once */
          }
        });
        setTimeout(() => resolve('ranText' in globalThis ? 'ran' : 'blocked'), 200);
      }),
  ],
  [
    'run an inline script',
    () =>
      new Promise((resolve) =>
        setTimeout(() => {
          const script = document.createElement('script');
          script.textContent = 'globalThis.ranInline = true';
          document.head.append(script);
          setTimeout(() => resolve('ranInline' in globalThis ? 'ran' : 'blocked'), 100);
        }),
      ),
  ],
  [
    'run an inline handler',
    () =>
      new Promise((resolve) =>
        setTimeout(() => {
          const place = document.createElement('div');
          place.innerHTML = '<img src="/nothing.png" onerror="globalThis.ranHandler = true">';
          document.body.append(place);
          setTimeout(() => {
            place.remove();
            resolve('ranHandler' in globalThis ? 'ran' : 'blocked');
          }, 300);
        }),
      ),
  ],
  [
    'run a javascript: link',
    () =>
      new Promise((resolve) =>
        setTimeout(() => {
          const link = document.createElement('a');
          link.href = 'javascript:globalThis.ranLink = true';
          link.click();
          setTimeout(() => resolve('ranLink' in globalThis ? 'ran' : 'blocked'), 100);
        }),
      ),
  ],
  [
    'load a script from elsewhere',
    () =>
      new Promise((resolve) => {
        const script = document.createElement('script');
        script.src = 'https://example.com/x.js';
        script.onload = () => resolve('loaded');
        script.onerror = () => resolve('blocked');
        document.head.append(script);
      }),
  ],
  [
    'load a script from a blob',
    () =>
      new Promise((resolve) => {
        const script = document.createElement('script');
        script.src = URL.createObjectURL(new Blob(['1'], { type: 'text/javascript' }));
        script.onload = () => resolve('loaded');
        script.onerror = () => resolve('blocked');
        document.head.append(script);
      }),
  ],
  [
    'add a style element',
    () =>
      new Promise((resolve) =>
        setTimeout(() => {
          const style = document.createElement('style');
          style.textContent = 'html { --injected: 1 }';
          document.head.append(style);
          const value = getComputedStyle(document.documentElement).getPropertyValue('--injected');
          style.remove();
          resolve(value === '' ? 'blocked' : 'styled');
        }),
      ),
  ],
  [
    'set styles in markup',
    () =>
      new Promise((resolve) =>
        setTimeout(() => {
          const place = document.createElement('div');
          place.innerHTML = '<p style="position: fixed; z-index: 7">x</p>';
          document.body.append(place);
          const { zIndex } = getComputedStyle(place.firstElementChild as Element);
          place.remove();
          resolve(zIndex === '7' ? 'styled' : 'blocked');
        }),
      ),
  ],
  [
    'show a picture from elsewhere',
    () =>
      new Promise((resolve) => {
        const image = new Image();
        image.onload = () => resolve('loaded');
        image.onerror = () => resolve('blocked');
        image.src = 'https://example.com/pixel.png?secret';
      }),
  ],
  [
    'fetch from elsewhere',
    () =>
      fetch('https://example.com/').then(
        () => 'fetched',
        () => 'blocked',
      ),
  ],
  [
    'fetch from this machine',
    () =>
      fetch('http://127.0.0.1:9/').then(
        () => 'fetched',
        () => 'blocked',
      ),
  ],
  [
    'send a beacon',
    () =>
      new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', () => resolve('blocked'), { once: true });
        navigator.sendBeacon('https://example.com/', 'secret');
        setTimeout(() => resolve('sent'), 1000);
      }),
  ],
  [
    'open a WebSocket to elsewhere',
    () =>
      new Promise((resolve) => {
        try {
          const socket = new WebSocket('wss://example.com/');
          socket.onopen = () => resolve('opened');
          socket.onerror = () => resolve('blocked');
        } catch {
          resolve('blocked');
        }
      }),
  ],
  [
    'show a frame',
    () =>
      new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', () => resolve('blocked'), { once: true });
        const frame = document.createElement('iframe');
        frame.src = 'https://example.com/';
        document.body.append(frame);
        setTimeout(() => resolve('shown'), 2000);
      }),
  ],
  [
    'show an object',
    () =>
      new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', () => resolve('blocked'), { once: true });
        const object = document.createElement('object');
        object.data = 'https://example.com/x.swf';
        document.body.append(object);
        setTimeout(() => resolve('shown'), 2000);
      }),
  ],
  [
    'start a worker from a blob',
    () =>
      new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', () => resolve('blocked'), { once: true });
        try {
          new Worker(URL.createObjectURL(new Blob(['postMessage(1)']))).onmessage = () => resolve('ran');
        } catch {
          resolve('blocked');
        }
      }),
  ],
  [
    'load a font from elsewhere',
    () =>
      new FontFace('Foreign', 'url(https://example.com/font.woff2)').load().then(
        () => 'loaded',
        () => 'blocked',
      ),
  ],
  [
    'change the base of its addresses',
    () =>
      new Promise((resolve) =>
        setTimeout(() => {
          const base = document.createElement('base');
          base.href = 'https://example.com/';
          document.head.append(base);
          const { origin } = new URL(document.baseURI);
          base.remove();
          resolve(origin === 'https://example.com' ? 'changed' : 'blocked');
        }),
      ),
  ],
];
