/** A host with comparisons in memory: figures of three variants that are the same at every start, jobs and runs the test's. */
import type {
  CompareColumn,
  CompareForced,
  ComparePrice,
  CompareQuality,
  CompareRequest,
  CompareResult,
  CompareWeights,
  LikelyToken,
} from '../../electron/contract/compare.ts';
import { LabError } from '../../electron/contract/errors.ts';
import type { Job, RunSummary } from '../../electron/contract/host-contract.ts';
import type { JobUpdate, PageContract, PageRun } from '../../electron/contract/page-contract.ts';
import type { Handlers } from '../../electron/contract/rpc.ts';
import { ChatHost, tinyModel } from './chat-host.ts';
import { seededRandom } from './seeded-random.ts';

const mebibyte = 2 ** 20;
const said =
  'Ice floats because it is less dense than liquid water. When water freezes, its molecules settle into an open hexagonal lattice held by hydrogen bonds. The same mass then fills about nine percent more volume, so roughly a tenth of the ice stays above the surface.';
const words = said.split(/(?= )/);
const others = [' about', ' nearly', ' form', ' the', ' some', ' a', ' more', ' of', ' in'];

interface Sample {
  readonly label: string;
  readonly precision: string;
  readonly bits: number;
  readonly mebibytes: number;
  readonly kl: number;
  readonly tokensPerSecond: number;
  readonly parts: number | null;
}
const samples: readonly [Sample, ...Sample[]] = [
  { label: 'bf16', precision: 'BF16, 16.0 bits', bits: 16, mebibytes: 256.6, kl: 0, tokensPerSecond: 58.3, parts: null },
  { label: 'Q8_0', precision: 'Q8_0, 8.5 bits', bits: 8.5, mebibytes: 136.7, kl: 0.0009, tokensPerSecond: 112.4, parts: null },
  { label: 'Q4_1', precision: 'Q4_1, 5.4 bits', bits: 5.4, mebibytes: 87.4, kl: 0.0446, tokensPerSecond: 148.2, parts: 38 },
  { label: 'RTN 3, g32', precision: 'mixed, 4.4 bits', bits: 4.4, mebibytes: 91.6, kl: 0.197, tokensPerSecond: 150.3, parts: 16 },
]; // prettier-ignore

export const sampleLabels = samples.map(({ label }) => label);

function likely(token: number, shift: number): LikelyToken[] {
  const random = seededRandom(token * 7 + 1);
  const first = Math.max(0.05, 0.4 + 0.5 * random() - shift);
  const rest = others.map((piece, place) => ({
    id: 500 + place,
    piece,
    probability: (1 - first) / 2 ** (place + 1),
  }));
  const own = { id: token, piece: words[token] ?? '', probability: first };
  return [own, ...rest].sort((left, right) => right.probability - left.probability);
}

function column({ label, precision, bits, mebibytes, tokensPerSecond }: Sample): CompareColumn {
  return {
    label,
    model: tinyModel.id,
    name: `SmolLM2 135M ${label}`,
    identity: 'abc',
    format: 'gguf',
    architecture: 'llama',
    precision,
    types: { Q4_1: mebibytes * mebibyte },
    weightsBytes: mebibytes * mebibyte,
    parameters: 135_000_000,
    bitsPerWeight: bits,
    engine: 'native',
    arithmetic: 'fast',
    device: 'cpu',
    threads: 2,
    kernels: 'avx2',
    kvCodec: 'f16',
    residency: 'resident',
    memoryBudgetBytes: null,
    speed: {
      loadMs: 120,
      firstTokenMs: 9000 / tokensPerSecond,
      promptTokens: 17,
      prefillTokensPerSecond: tokensPerSecond * 6,
      decodeTokensPerSecond: tokensPerSecond,
      peakBytes: (mebibytes + 75) * mebibyte,
      kvBytes: 3 * mebibyte,
    },
    reply: {
      text: said,
      tokens: words.map((text, id) => ({ id, text, piece: text })),
      finishReason: 'end',
    },
  };
}

function forcedVariant({ kl, parts }: Sample, index: number): CompareForced['variants'][number] {
  const random = seededRandom(index + 40);
  const tokens = words.map((_, token) => {
    const own = token === parts ? 0.5 + kl : kl * random() ** 2 * 3;
    const top = likely(token, token === parts ? 0.6 : kl / 2);
    return {
      kl: own,
      logProbability: Math.log(top.find(({ id }) => id === token)?.probability ?? 0.01),
      top,
    };
  });
  return {
    tokens,
    firstDivergence: parts,
    meanKl: tokens.reduce((sum, token) => sum + token.kl, 0) / tokens.length,
  };
}

const sampleForced = (): CompareForced => ({
  reference: words.map((piece, token) => {
    const top = likely(token, 0);
    return {
      id: token,
      piece,
      logProbability: Math.log(top.find(({ id }) => id === token)?.probability ?? 0.5),
      top,
    };
  }),
  variants: samples.slice(1).map(forcedVariant),
});

const within = (value: number, part: number) => ({
  value,
  low: value * (1 - part),
  high: value * (1 + part),
});

const sampleQuality = (): CompareQuality => ({
  context: 512,
  windows: 40,
  tokens: 20_440,
  columns: samples.map(({ kl }) => ({
    perplexity: within(16.19 * Math.exp(kl), 0.012),
    kl: kl === 0 ? null : { mean: within(kl, 0.05), median: kl / 2, p99: kl * 8, max: kl * 30 },
    topOneAgreement: kl === 0 ? null : within(1 - Math.sqrt(kl) / 3, 0.006),
  })),
});

const matrices = [
  'attention.query',
  'attention.key',
  'attention.value',
  'attention.output',
  'feed_forward.gate',
  'feed_forward.up',
  'feed_forward.down',
];
const layers = 30;

function sampleWeights(): CompareWeights {
  const random = seededRandom(11);
  const tensors = [
    { name: 'token_embedding.weight', layer: null, part: 'token_embedding.weight', elements: 28_311_552 },
    ...Array.from({ length: layers }, (_, layer) =>
      matrices.map((part) => ({
        name: `layers.${layer}.${part}.weight`,
        layer,
        part: `${part}.weight`,
        elements: 331_776,
      })),
    ).flat(),
  ];
  const errors = samples
    .slice(1)
    .map(({ bits }) =>
      tensors.map(({ layer }) => 2 ** (1 - bits) * (0.6 + random() * 0.5 + ((layer ?? 0) > 26 ? 0.5 : 0))),
    );
  return { tensors, errors };
}

/** All of it, as of a run. */
export const sampleResult = (): CompareResult => ({
  mode: 'together',
  columns: samples.map(column),
  forced: sampleForced(),
  quality: sampleQuality(),
  weights: sampleWeights(),
});

const startedAt = Date.UTC(2026, 10, 22, 9, 14);

export function sampleJob(fields: Partial<Job> = {}): Job {
  return {
    id: 'job-1',
    kind: 'compare',
    title: sampleLabels.join(', '),
    state: 'running',
    phase: 'text',
    done: 7680,
    total: 20_480,
    error: null,
    createdAt: startedAt,
    endedAt: null,
    canResume: false,
    runId: null,
    ...fields,
  };
}

const machine = { cpu: 'Ryzen 7 7840U', cores: 16, memoryBytes: 32 * 1024 * mebibyte, os: 'linux 6.12 x64' };

export function sampleRun(id: string, fields: Partial<PageRun> = {}): PageRun {
  return {
    id,
    kind: 'compare',
    at: startedAt,
    modelName: 'smollm2-135m-instruct',
    modelIdentity: '0123456789abcdef0123',
    engine: 'native',
    arithmetic: 'fast',
    device: 'cpu',
    threads: 2,
    seed: null,
    settings: {
      prompt: { kind: 'chat', messages: [{ role: 'user', content: 'Why does ice float on water?' }] },
      maxTokens: 128,
    },
    promptIds: [1, 2, 3],
    resultIds: [4, 5],
    machine,
    versions: { retort: '0.1.0', kernels: 'avx2' },
    figures: JSON.parse(JSON.stringify(sampleResult())) as PageRun['figures'],
    title: sampleLabels.join(', '),
    headlines: [
      { name: 'variants', value: 4, unit: '' },
      { name: 'largest mean KL', value: 0.197, unit: 'nats' },
    ],
    canRepeat: true,
    ...fields,
  };
}

/** A benchmark whose speeds are these, each five per cent around it. */
export function sampleBench(id: string, at: number, decode: number): PageRun {
  const spread = (median: number) => ({ min: median * 0.97, median, max: median * 1.03 });
  return sampleRun(id, {
    kind: 'bench',
    at,
    title: 'SmolLM2 135M',
    settings: { promptTokens: 512, generateTokens: 128 },
    canRepeat: false,
    figures: {
      promptTokens: 512,
      decode: { tokensPerSecond: spread(decode) },
      prefill: { tokensPerSecond: spread(decode * 12) },
    },
    headlines: [
      { name: 'decode', value: decode, unit: 'tokens/s' },
      { name: 'prefill', value: decode * 12, unit: 'tokens/s' },
    ],
  });
}

export class CompareHost extends ChatHost {
  price: ComparePrice = {
    variants: samples.slice(0, 2).map(({ label, precision, bits, mebibytes, tokensPerSecond }) => ({
      ...{ label, precision, format: 'gguf', architecture: 'llama', types: {} },
      weightsBytes: mebibytes * mebibyte,
      parameters: 135_000_000,
      bitsPerWeight: bits,
      memoryBytes: (mebibytes + 75) * mebibyte,
      predictedTokensPerSecond: tokensPerSecond,
      fits: true,
    })),
    freeBytes: 4096 * mebibyte,
    reserveBytes: 1024 * mebibyte,
    peakBytes: 620 * mebibyte,
    mode: 'together',
    promptTokens: 17,
    qualityTokens: null,
    windows: null,
    problem: null,
  };
  jobs: Job[] = [];
  /** What who watches a job is told first. */
  updates: JobUpdate[] = [];
  runs: PageRun[] = [];
  readonly asked: CompareRequest[] = [];
  #watchers = new Set<() => void>();

  /** Who watches the job is told so. */
  changeJob(fields: Partial<Job>): void {
    this.jobs = this.jobs.map((job) => ({ ...job, ...fields }));
    for (const watch of this.#watchers) watch();
  }

  override handlers(): Handlers<PageContract> {
    return { ...super.handlers(), ...this.compareHandlers() };
  }

  compareHandlers() {
    return {
      priceComparison: (request) => {
        this.asked.push(request);
        const [first] = this.price.variants;
        const variants = request.variants.map((_, index) => this.price.variants[index] ?? first!);
        return Promise.resolve({ ...this.price, variants });
      },
      startComparison: (request) => {
        this.asked.push(request);
        const job = sampleJob({ phase: 'A: reply', done: 0, total: request.maxTokens });
        this.jobs = [job, ...this.jobs];
        return Promise.resolve(job);
      },
      readHistogram: () => {
        const bins = (spread: number) =>
          Array.from({ length: 64 }, (_, bin) =>
            Math.round(40_000 * Math.exp(-(((bin - 31.5) / spread) ** 2))),
          );
        return Promise.resolve({
          low: -0.52,
          high: 0.52,
          reference: bins(9),
          variant: bins(8),
          error: 0.081,
        });
      },
      listJobs: () => Promise.resolve(this.jobs),
      watchJob: async ({ id }, { signal, emit }) => {
        for (const update of this.updates) await emit(update);
        for (;;) {
          const job = this.#job(id);
          await emit({ type: 'job', job });
          if (job.endedAt !== null || signal.aborted) return job;
          if (this.#job(id) !== job) continue; // it changed while this was told
          await new Promise<void>((resolve) => {
            this.#watchers.add(resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }
      },
      cancelJob: ({ id }) => {
        this.changeJob({ state: 'cancelled', endedAt: Date.now(), canResume: false });
        return Promise.resolve(this.#job(id));
      },
      resumeJob: ({ id }) => {
        this.changeJob({ state: 'running', endedAt: null, canResume: false });
        return Promise.resolve(this.#job(id));
      },
      listRuns: ({ kind }) =>
        Promise.resolve(this.runs.filter((run) => kind === null || run.kind === kind).map(summaryOf)),
      readRun: ({ id }) => Promise.resolve(this.#run(id)),
      removeRun: ({ id }) => {
        this.runs = this.runs.filter((run) => run.id !== this.#run(id).id);
        return Promise.resolve(null);
      },
      exportRun: ({ id, format }) =>
        Promise.resolve({
          fileName: `retort-${id}.${format}`,
          mediaType: 'text/plain',
          text: `${format} of ${id}`,
        }),
      repeatRun: ({ id }) => {
        const job = sampleJob({ id: 'job-2', title: this.#run(id).title, phase: '', done: 0, total: 0 });
        this.jobs = [job, ...this.jobs];
        return Promise.resolve(job);
      },
    } satisfies Partial<Handlers<PageContract>>;
  }

  #job(id: string): Job {
    const job = this.jobs.find((candidate) => candidate.id === id);
    if (!job) throw new LabError('not-found', `There is no job ${id}.`);
    return job;
  }

  #run(id: string): PageRun {
    const run = this.runs.find((candidate) => candidate.id === id);
    if (!run) throw new LabError('not-found', `There is no run ${id}.`);
    return run;
  }
}

function summaryOf(run: PageRun): RunSummary {
  const { id, kind, at, modelName, engine, arithmetic, title, headlines } = run;
  return { id, kind, at, modelName, engine, arithmetic, title, machine: run.machine.cpu, headlines };
}

/** What a job tells of a comparison that is nearly done. */
export function sampleUpdates(count = 99): JobUpdate[] {
  const { columns, forced, quality, weights } = sampleResult();
  const all: JobUpdate[] = [
    {
      type: 'comparison',
      comparison: {
        jobId: 'job-1',
        startedAt,
        labels: sampleLabels,
        prompt: { kind: 'chat', messages: [{ role: 'user', content: 'Why does ice float on water?' }] },
        maxTokens: 128,
        quality: { context: 512, tokens: null },
      },
    },
    ...columns.map((each, index) => ({ type: 'column' as const, index, column: each })),
    { type: 'forced', forced },
    ...(quality ? [{ type: 'quality' as const, quality }] : []),
    ...(weights ? [{ type: 'weights' as const, weights }] : []),
  ];
  return all.slice(0, count);
}
