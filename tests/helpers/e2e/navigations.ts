/** Ways to leave a page or to open another, as functions that run in it. */
/// <reference lib="dom" />

type Navigation = () => void;

export const navigations: [string, Navigation][] = [
  ['an assignment to https', () => (location.href = 'https://example.com/assigned')],
  ['assign() to http', () => location.assign('http://example.com/')],
  ['replace() by a file', () => location.replace('file:///etc/passwd')],
  ['a data address', () => (location.href = 'data:text/html,<h1>x</h1>')],
  ['a javascript address', () => (location.href = 'javascript:document.write("x")')],
  ['a blob', () => (location.href = URL.createObjectURL(new Blob(['<h1>x</h1>'], { type: 'text/html' })))],
  ['another host of the scheme', () => (location.href = 'app://evil/')],
  ['a host that begins like ours', () => (location.href = 'app://retort.evil/')],
  ['a host behind our name as a user', () => (location.href = 'app://retort@evil/')],
  ['another page of ours', () => (location.href = 'app://retort/elsewhere.html')],
  ['a source view', () => (location.href = 'view-source:app://retort/')],
  ['a page of Chromium', () => (location.href = 'chrome://gpu/')],
  ['the developer tools', () => (location.href = 'devtools://devtools/bundled/inspector.html')],
  ['a mail address', () => (location.href = 'mailto:person@example.com')],
  ['a telephone number', () => (location.href = 'tel:123')],
  ['a program of the system', () => (location.href = 'ms-settings:privacy')],
  ['a window on https', () => window.open('https://example.com/window')],
  ['a window on nothing', () => window.open('about:blank')],
  ['a window on ours', () => window.open('app://retort/')],
  ['a window on a file', () => window.open('file:///etc/passwd')],
  ['a window on data', () => window.open('data:text/html,x')],
  ['a window on a script', () => window.open('javascript:1')],
  ['a window on a blob', () => window.open(URL.createObjectURL(new Blob(['x'], { type: 'text/html' })))],
  ['a window in place of this', () => window.open('https://example.com/self', '_self')],
  ['a window without an opener', () => window.open('https://example.com/noopener', '_blank', 'noopener')],
  ['a window with a name and features', () => window.open('https://example.com/popup', 'popup', 'width=200')],
  [
    'a link',
    () => {
      const link = document.createElement('a');
      link.href = 'https://example.com/link';
      link.click();
    },
  ],
  [
    'a link to a new tab',
    () => {
      const link = document.createElement('a');
      link.href = 'https://example.com/tab';
      link.target = '_blank';
      link.click();
    },
  ],
  [
    'a link to the top',
    () => {
      const link = document.createElement('a');
      link.href = 'http://example.com/top';
      link.target = '_top';
      link.click();
    },
  ],
  [
    'a link with a user and a password',
    () => {
      const link = document.createElement('a');
      link.href = 'https://person:secret@example.com/';
      link.click();
    },
  ],
  [
    'a download',
    () => {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob(['x']));
      link.download = 'x.txt';
      link.click();
    },
  ],
  [
    'a form that gets',
    () => {
      const form = document.createElement('form');
      form.action = 'https://example.com/get';
      document.body.append(form);
      form.submit();
      form.remove();
    },
  ],
  [
    'a form that posts',
    () => {
      const form = document.createElement('form');
      form.action = 'https://example.com/post';
      form.method = 'post';
      document.body.append(form);
      form.submit();
      form.remove();
    },
  ],
  [
    'a refresh in the head',
    () => {
      const refresh = document.createElement('meta');
      refresh.httpEquiv = 'refresh';
      refresh.content = '0; url=http://example.com/refresh';
      document.head.append(refresh);
    },
  ],
  [
    'a frame that takes the whole window',
    () => {
      const frame = document.createElement('iframe');
      frame.srcdoc = '<a id=x target=_top href="http://example.com/">x</a><script>x.click()</script>';
      document.body.append(frame);
    },
  ],
];
