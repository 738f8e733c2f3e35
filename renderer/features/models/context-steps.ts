/** Contexts on a slider: equal steps of the slider are equal ratios of context, so that small ones can be chosen as well as large ones. */

const smallest = 256;
const stepsPerDoubling = 8;

export interface ContextSlider {
  readonly maximum: number;
  readonly toContext: (step: number) => number;
  /** Between steps, for contexts that no step has. */
  readonly toStep: (context: number) => number;
}

/** Up to exactly the model's own context. */
export function contextSlider(modelContext: number): ContextSlider {
  const low = Math.min(smallest, modelContext);
  const toStep = (context: number) => Math.log2(Math.max(low, context) / low) * stepsPerDoubling;
  const maximum = Math.ceil(toStep(modelContext));
  return {
    maximum,
    toStep,
    toContext: (step) => {
      if (step >= maximum) return modelContext;
      const context = low * 2 ** (step / stepsPerDoubling);
      // Round, and finer than the steps: each has a context of its own.
      const grain = Math.max(1, 2 ** Math.floor(Math.log2(context / 32)));
      return Math.min(modelContext, Math.max(1, Math.round(context / grain) * grain));
    },
  };
}
