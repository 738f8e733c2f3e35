/** The reference's reply as a variant read it: each token tinted by its KL, both distributions in its title. */
import type { CompareForced, LikelyToken } from '../../contract/compare.ts';
import { escaped } from '../escape-html.ts';

/** Tints are told apart from a thousandth of a nat to three nats. */
const faintest = 1e-3;
const strongest = 3;
const titled = 5;

/** `index`: of the variant, without the reference. */
export function tintedReply(label: string, { reference, variants }: CompareForced, index: number): string {
  const variant = variants[index];
  if (!variant) return '';
  const tokens = reference.map((own, i) => {
    const read = variant.tokens[i]!;
    const title = [
      `KL ${read.kl.toPrecision(3)} nats`,
      `reference: ${distribution(own.top)}`,
      `${label}: ${distribution(read.top)}`,
    ].join('\n');
    const mark = i === variant.firstDivergence ? ' class="first"' : '';
    return `<span${mark} style="background:rgb(220 60 40/${tint(read.kl)})" title="${escaped(title)}">${escaped(own.piece)}</span>`;
  });
  const { firstDivergence, meanKl } = variant;
  const parts =
    firstDivergence === null
      ? 'It would have chosen the same tokens.'
      : `It would first have chosen another at token ${firstDivergence + 1}.`;
  return `<h3>${escaped(label)}</h3>\n<div class="text">${tokens.join('')}</div>\n<div class="note">Mean KL ${meanKl.toPrecision(3)} nats. ${parts}</div>\n`;
}

function distribution(top: readonly LikelyToken[]): string {
  return top
    .slice(0, titled)
    .map(({ piece, probability }) => `${JSON.stringify(piece)} ${(100 * probability).toFixed(1)} %`)
    .join(', ');
}

function tint(kl: number): string {
  const share = Math.log(Math.max(kl, faintest) / faintest) / Math.log(strongest / faintest);
  return (0.75 * Math.min(1, share)).toFixed(2);
}
