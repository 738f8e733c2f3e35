/** Which experts the tokens of a text ask for, layer by layer, and what that is like. */
import type { Session } from '../../../electron/engine/engine.ts';

export interface Routing {
  readonly tokens: number;
  readonly layers: number;
  readonly experts: number;
  /** Experts of one token in one layer. */
  readonly used: number;
  /** [tokens, layers, used] in the router's order. */
  readonly chosen: Int32Array;
}

export const chosenBy = ({ layers, used, chosen }: Routing, token: number, layer: number) =>
  chosen.subarray((token * layers + layer) * used, (token * layers + layer + 1) * used);

/** Tokens that are evaluated at once: hidden states of all layers come with the choices. */
const tokensAtOnce = 128;

/** Evaluates the ids in a session with room for them. Throws where the model has no experts in every layer. */
export async function recordRouting(session: Session, ids: Int32Array): Promise<Routing> {
  const parts: Int32Array[] = [];
  let [layers, experts, used] = [0, 0, 0];
  for (let first = 0; first < ids.length; first += tokensAtOnce) {
    const part = ids.slice(first, first + tokensAtOnce);
    const { hidden } = await session.evaluate({ ids: part, rows: 'none', hidden: true });
    layers = [...(hidden?.keys() ?? [])].filter((name) => name.endsWith('.topk')).length;
    if (!hidden || layers === 0) throw new Error('the model has no experts');
    experts = hidden.get('router.0.logits')!.shape[1]!;
    used = hidden.get('router.0.topk')!.shape[1]!;
    const chosen = new Int32Array(part.length * layers * used);
    for (let layer = 0; layer < layers; layer++) {
      const { data } = hidden.get(`router.${layer}.topk`)!;
      for (let token = 0; token < part.length; token++) {
        const row = data.subarray(token * used, (token + 1) * used);
        chosen.set(row, (token * layers + layer) * used);
      }
    }
    parts.push(chosen);
  }
  const chosen = new Int32Array(ids.length * layers * used);
  let place = 0;
  for (const part of parts) {
    chosen.set(part, place);
    place += part.length;
  }
  return { tokens: ids.length, layers, experts, used, chosen };
}

export interface RoutingCharacter {
  /** Share of all uses that the most used quarter of a layer's experts has, over all layers; 0.25 where all are used alike. */
  readonly topQuarterShare: number;
  /** Of how often each expert of a layer is used, in bits, over all layers; log₂ of the experts where all are used alike. */
  readonly entropyBits: number;
  /** Share of a token's experts that were among those of the token before; used/experts by chance. */
  readonly reusedShare: number;
}

function usesOfLayer(routing: Routing, layer: number): Float64Array {
  const uses = new Float64Array(routing.experts);
  for (let token = 0; token < routing.tokens; token++) {
    for (const expert of chosenBy(routing, token, layer)) uses[expert]! += 1;
  }
  return uses;
}

function reusedOfLayer(routing: Routing, layer: number): number {
  let reused = 0;
  for (let token = 1; token < routing.tokens; token++) {
    const before = new Set(chosenBy(routing, token - 1, layer));
    for (const expert of chosenBy(routing, token, layer)) if (before.has(expert)) reused += 1;
  }
  return reused / ((routing.tokens - 1) * routing.used);
}

/** Means over the layers. */
export function characterOf(routing: Routing): RoutingCharacter {
  const { layers, experts, used, tokens } = routing;
  const sum = { topQuarterShare: 0, entropyBits: 0, reusedShare: 0 };
  for (let layer = 0; layer < layers; layer++) {
    const shares = usesOfLayer(routing, layer).map((uses) => uses / (tokens * used));
    const top = shares.toSorted().subarray(experts - Math.floor(experts / 4));
    sum.topQuarterShare += top.reduce((total, share) => total + share, 0);
    for (const share of shares) if (share > 0) sum.entropyBits -= share * Math.log2(share);
    sum.reusedShare += reusedOfLayer(routing, layer);
  }
  return {
    topQuarterShare: sum.topQuarterShare / layers,
    entropyBits: sum.entropyBits / layers,
    reusedShare: sum.reusedShare / layers,
  };
}
