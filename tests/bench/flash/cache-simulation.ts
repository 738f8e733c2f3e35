/**
 * Caches of experts replayed over a recorded routing, apart from the engine's own code. In every layer of every evaluation the experts asked for that are
 * held are hits; the others are misses and each takes a slot, never that of an expert asked for in the same layer and evaluation.
 */
import { chosenBy, type Routing } from './routing.ts';

export interface CacheOptions {
  readonly slots: number;
  /** So many tokens at the start are evaluated at once, all others one by one. */
  readonly promptTokens: number;
  /** Hits and misses of the evaluations before this token, while the cache fills, are not counted. */
  readonly firstCounted: number;
}

export interface Hits {
  readonly hits: number;
  readonly misses: number;
}

export const hitRate = ({ hits, misses }: Hits) => hits / (hits + misses);

/** An expert of a layer as one number. */
type Key = number;

/** One layer of one evaluation. */
interface Step {
  readonly firstToken: number;
  readonly tokens: number;
  /** How many tokens ask for each expert. */
  readonly uses: ReadonlyMap<Key, number>;
}

function stepOf(routing: Routing, firstToken: number, tokens: number, layer: number): Step {
  const uses = new Map<Key, number>();
  for (let token = firstToken; token < firstToken + tokens; token++) {
    for (const expert of chosenBy(routing, token, layer)) {
      const key = layer * routing.experts + expert;
      uses.set(key, (uses.get(key) ?? 0) + 1);
    }
  }
  return { firstToken, tokens, uses };
}

function stepsOf(routing: Routing, promptTokens: number): Step[] {
  const steps: Step[] = [];
  for (let token = 0; token < routing.tokens;) {
    const tokens = token < promptTokens ? promptTokens : 1;
    for (let layer = 0; layer < routing.layers; layer++) steps.push(stepOf(routing, token, tokens, layer));
    token += tokens;
  }
  return steps;
}

/** Chooses who goes. */
interface Policy {
  /** Before hits and misses of the step are looked at. */
  begin(step: Step, index: number): void;
  /** The held key with the least score goes, of those the step does not ask for. */
  score(key: Key): number;
  /** Among equals the one with the least of this goes. */
  lastUse(key: Key): number;
}

function leastOf(held: Iterable<Key>, { uses }: Step, policy: Policy): Key {
  let [least, lowest] = [-1, Infinity];
  for (const key of held) {
    if (uses.has(key)) continue;
    const score = policy.score(key);
    const isLess = score < lowest || (score === lowest && policy.lastUse(key) < policy.lastUse(least));
    if (least < 0 || isLess) [least, lowest] = [key, score];
  }
  return least;
}

function replay(steps: readonly Step[], { slots, firstCounted }: CacheOptions, policy: Policy): Hits {
  const held = new Set<Key>();
  const counted = { hits: 0, misses: 0 };
  for (const [index, step] of steps.entries()) {
    const { uses } = step;
    if (uses.size > slots) throw new Error(`${slots} slots for ${uses.size} experts of one layer`);
    policy.begin(step, index);
    const missing = [...uses.keys()].filter((key) => !held.has(key));
    for (const key of missing) {
      if (held.size === slots) held.delete(leastOf(held, step, policy));
      held.add(key);
    }
    if (step.firstToken < firstCounted) continue;
    counted.misses += missing.length;
    counted.hits += uses.size - missing.length;
  }
  return counted;
}

/**
 * Least frequently used with decay and ghosts: every use adds one, all counts are multiplied by `decay` with each token, and an expert that went keeps
 * its count.
 */
export function lfuWithGhosts(routing: Routing, options: CacheOptions, decay: number): Hits {
  const counts = new Float64Array(routing.layers * routing.experts);
  const lastUses = new Float64Array(counts.length);
  return replay(stepsOf(routing, options.promptTokens), options, {
    begin: ({ tokens, uses }, index) => {
      if (index % routing.layers === 0)
        counts.forEach((count, key) => (counts[key] = count * decay ** tokens));
      for (const [key, times] of uses) {
        counts[key]! += times;
        lastUses[key] = index;
      }
    },
    score: (key) => counts[key]!,
    lastUse: (key) => lastUses[key]!,
  });
}

/** Belady's: the one that is asked for again last goes, which only someone who knows the future can tell. */
export function belady(routing: Routing, options: CacheOptions): Hits {
  const steps = stepsOf(routing, options.promptTokens);
  const usesOf = new Map<Key, number[]>();
  for (const [index, { uses }] of steps.entries()) {
    for (const key of uses.keys()) {
      const known = usesOf.get(key);
      if (known) known.push(index);
      else usesOf.set(key, [index]);
    }
  }
  const next = new Map<Key, number>();
  return replay(steps, options, {
    begin: ({ uses }, index) => {
      for (const key of uses.keys()) {
        const later = usesOf.get(key)!;
        while (later.length > 0 && later[0]! <= index) later.shift();
        next.set(key, later[0] ?? Infinity);
      }
    },
    score: (key) => -next.get(key)!,
    lastUse: (key) => key,
  });
}
