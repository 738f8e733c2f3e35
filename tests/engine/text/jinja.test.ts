import { describe, expect, it } from 'vitest';
import { parseTemplate, renderTemplate } from '../../../electron/engine/text/jinja.ts';
import { strftime } from '../../../electron/engine/text/strftime.ts';
import { goldenJson } from '../../helpers/tokenizers.ts';

interface JinjaGolden {
  readonly templates: Readonly<Record<string, string>>;
  readonly cases: readonly {
    readonly template: string;
    readonly vars: Readonly<Record<string, unknown>>;
    readonly text?: string;
    readonly error?: string;
    readonly message?: string;
  }[];
}
const golden = goldenJson<JinjaGolden>('smollm2/jinja.json');

const render = (template: string, variables: Record<string, unknown> = {}): string =>
  renderTemplate(parseTemplate(template), variables);

describe('T2: templates render as jinja2 renders them', () => {
  it('has 40 cases', () => {
    expect(golden.cases.length).toBe(40);
  });

  it.each(golden.cases.map((each, index) => [index, each.template, each] as const))(
    'case %i, %s',
    (_, name, each) => {
      const template = golden.templates[name] as string;
      if (each.error === undefined) expect(render(template, each.vars)).toBe(each.text);
      else expect(() => render(template, each.vars)).toThrow();
      if (each.error === 'TemplateError') expect(() => render(template, each.vars)).toThrow(each.message);
    },
  );
});

describe('what @huggingface/jinja does otherwise', () => {
  // The expected texts are jinja2 3.1's.
  it.each([
    ["{{ ['a', 1, 1.0, true, none, {'k': 'it\\'s'}] }}", "['a', 1, 1.0, True, None, {'k': \"it's\"}]"],
    ['{{ true }} {{ none }} {{ missing }}', 'True None '],
    ['{{ 0.1 + 0.2 }}', '0.30000000000000004'],
    ["{{ 'a' ~ 1 ~ none ~ true }}", 'a1NoneTrue'],
    ["{{ 1 == '1' }} {{ none == missing }} {{ [1, [2]] == [1, [2]] }} {{ {'a': 1} == {'a': 2} }}", 'False False True False'],
    ["{{ '--x-'.strip('-') }}|{{ ' \\n x'.lstrip('\\n') }}|{{ 'x..'.rstrip('.') }}", 'x| \n x|x'],
    ["{{ 'ab' * 3 }}{{ 2 * 'c' }}{{ 'd' * -1 }}", 'abababcc'],
    ["{{ '%-5s|%+d|%%|%x' % ('a', 3, 255) }}", 'a    |+3|%|ff'],
    ["{{ '%s' | format([1]) }}", '[1]'],
    ["{{ [1, 'a', none] | join('-') }}", '1-a-None'],
    ['{% for i in range(5) %}{{ i }}{% if i == 2 %}{% break %}{% endif %},{% endfor %}', '0,1,2'],
    ['{% for i in [1, 2] %}{% for j in range(9) %}{% if j == i %}!{% break %}{% endif %}{{ j }}{% endfor %};{% endfor %}', '0!;01!;'],
    ['{% for i in range(3) %}{{ i }}{% continue %}x{% endfor %}', '012'],
    ["{{ {'b': [1, {}], 'a': '<é>\"'} | tojson }}", '{"b": [1, {}], "a": "<é>\\""}'],
    ["{{ {'b': [1], 'a': 2.0} | tojson(indent=1, sort_keys=true) }}", '{\n "a": 2.0,\n "b": [\n  1\n ]\n}'],
    ["{{ [1, 2] | tojson(separators=(',', ':')) }}{{ 'é' | tojson(ensure_ascii=true) }}", '[1,2]"\\u00e9"'],
  ])('%s', (template, text) => {
    expect(render(template)).toBe(text);
  }); // prettier-ignore

  it.each([
    ["{{ 'a' + 1 }}", /can only concatenate str \(not "int"\) to str/],
    ["{{ '%d' % 'x' }}", /a number is required/],
    ['{{ range(1, 5, 0) }}', /must not be zero/],
    ['{{ range | tojson }}', /not JSON serializable/],
    ['{% break %}', /break outside a loop/],
  ])('refuses %s as Python does', (template, message) => {
    expect(() => render(template)).toThrow(message);
  });
});

describe('the limits of a template', () => {
  it('is 1 Mi characters of source', () => {
    expect(() => render('x'.repeat(2 ** 20 + 1))).toThrow(/larger than/);
  });

  it('is 8 Mi characters of output', () => {
    expect(() => render(`{% for i in range(100000) %}${'x'.repeat(100)}{% endfor %}`)).toThrow(/longer than/);
  });
});

describe('strftime_now', () => {
  it('writes English names whatever the machine speaks', () => {
    const date = new Date(2026, 2, 7, 0, 5, 9);
    expect(strftime(date, '%d %b %Y, %A %B %-d, %I:%M:%S %p, %j, %F, %y%%, %Q')).toBe(
      '07 Mar 2026, Saturday March 7, 12:05:09 AM, 066, 2026-03-07, 26%, %Q',
    );
  });

  it('is there for templates', () => {
    expect(render("{{ strftime_now('%Y') }}")).toBe(String(new Date().getFullYear()));
  });
});
