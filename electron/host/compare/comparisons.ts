/** Comparisons as jobs: they begin, go on where they were, and leave a run behind. */
import type { ComparePrice, CompareRequest, CompareResult } from '../../contract/compare.ts';
import { comparisonTitle } from '../../contract/compare-labels.ts';
import { LabError, toLabError } from '../../contract/errors.ts';
import type { CompareCommand, CompareDone, Job, Run } from '../../contract/host-contract.ts';
import { z } from 'zod';
import { besideLoaded } from '../loaded/memory-budget.ts';
import { withoutPaths } from '../models/without-paths.ts';
import type { RunningJob } from '../jobs/jobs.ts';
import type { Services } from '../services.ts';
import { retortVersion } from '../version.ts';
import { Comparison, requireSameModels, type ComparisonDone, type Tell } from './comparison.ts';
import type { Working } from './measure-column.ts';
import { KnownModels } from './inspect-models.ts';
import { priceComparison, type PricedComparison, type Pricing } from './price.ts';
import { labelsOf, StoredRequest, type StoredModel } from './stored-request.ts';

const silent: Tell = () => Promise.resolve();

type Shared = Pick<Services, 'models' | 'library' | 'runs' | 'memory'> & Pricing & Working;

interface Begun {
  readonly job: RunningJob;
  readonly request: StoredRequest;
  readonly parts: ReadonlyMap<string, unknown>;
  /** Null: it is made again. */
  readonly priced: PricedComparison | null;
}

export class Comparisons {
  readonly #services: Shared;
  /** Fires when the host closes: what runs is then interrupted, not cancelled. */
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #known = new KnownModels();

  constructor(services: Shared) {
    this.#services = services;
  }

  async ofPage({ variants, ...rest }: CompareRequest): Promise<StoredRequest> {
    const models = variants.map(async ({ model: id, ...variant }) => {
      const { path, title } = await this.#services.models.pathOf(id);
      return { ...variant, model: { name: id, title, path, id, identity: null } };
    });
    return { ...rest, variants: await Promise.all(models) };
  }

  async ofCommand({ variants, ...rest }: CompareCommand): Promise<StoredRequest> {
    const library = await this.#services.library.list();
    const models = variants.map(async ({ model, ...variant }) => {
      const { name, path } = await this.#services.library.resolve(model);
      const known = library.find((each) => each.path === path);
      const stored: StoredModel = { name, title: name, path, id: known?.name ?? null, identity: null };
      return { ...variant, model: stored };
    });
    return { ...rest, variants: await Promise.all(models) };
  }

  async price(request: StoredRequest, signal: AbortSignal): Promise<ComparePrice> {
    return (await priceComparison({ ...this.#services, known: this.#known }, request, signal)).price;
  }

  /** Begins in the background; the job is on disk when this returns. Throws what the price names as its problem. */
  async start(request: StoredRequest, signal: AbortSignal): Promise<Job> {
    const begun = await this.#begin(request, signal, this.#closing.signal, true);
    this.#inBackground(begun);
    return this.#services.jobs.read(begun.job.id);
  }

  /** Waits for the end; `signal`: of the caller, whose leaving interrupts it. */
  async run(request: StoredRequest, signal: AbortSignal, tell: Tell): Promise<CompareDone> {
    return this.#finish(await this.#begin(request, signal, signal, false), tell);
  }

  async resumeHere(id: string, signal: AbortSignal, tell: Tell): Promise<CompareDone> {
    return this.#finish(await this.#resume(id, signal), tell);
  }

  async resume(id: string): Promise<Job> {
    const begun = await this.#resume(id, this.#closing.signal);
    this.#inBackground(begun);
    return this.#services.jobs.read(id);
  }

  /** Those that the app began and that its end interrupted are queued again when this returns; they then run one after the other. */
  async resumeOwn(): Promise<void> {
    const begun: Begun[] = [];
    for (const id of await this.#services.jobs.waitingForApp()) {
      const own = await this.#resume(id, this.#closing.signal).catch(() => null);
      if (own) begun.push(own);
    }
    const inTurn = async () => {
      // How each of them ends is its job's to tell.
      for (const each of begun) await this.#finish(each, silent).catch(() => undefined);
    };
    this.#follow(inTurn()).catch(() => undefined);
  }

  /** The same models and settings as a run's. Throws bad-request for other kinds of runs and where a model is another one now. */
  async repeat(run: Run, signal: AbortSignal): Promise<Job> {
    if (run.kind !== 'compare') {
      const message = `Run ${run.id} is of kind ${run.kind}: only comparisons are repeated here.`;
      throw new LabError('bad-request', message);
    }
    return this.start(StoredRequest.parse(run.settings), signal);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#running);
  }

  async #begin(
    request: StoredRequest,
    signal: AbortSignal,
    lasting: AbortSignal,
    resumesItself: boolean,
  ): Promise<Begun> {
    const priced = await this.#price(request, signal);
    const variants = request.variants.map((variant, i) => ({
      ...variant,
      model: { ...variant.model, identity: priced.summaries[i]!.identity },
    }));
    const known = { ...request, variants };
    const title = comparisonTitle(labelsOf(variants));
    const job = await this.#services.jobs.begin('compare', title, lasting, { request: known, resumesItself });
    return { job, request: known, parts: new Map(), priced };
  }

  async #resume(id: string, signal: AbortSignal): Promise<Begun> {
    const { job, request, parts } = await this.#services.jobs.resume(id, signal);
    const parsed = StoredRequest.safeParse(request);
    if (parsed.success) return { job, request: parsed.data, parts, priced: null };
    const error = new LabError(
      'bad-request',
      `Job ${id} was begun by another version of Retort: begin it again.`,
    );
    await job.end(error);
    throw error;
  }

  async #price(request: StoredRequest, signal: AbortSignal): Promise<PricedComparison> {
    // What runs is read anew: only prices may come from before.
    const known = new KnownModels();
    const priced = await priceComparison({ ...this.#services, known }, request, signal);
    const { problem } = priced.price;
    requireSameModels(request, priced.summaries);
    if (problem) throw new LabError(problem.code as LabError['code'], problem.message);
    return priced;
  }

  #inBackground(begun: Begun): void {
    // How it ended is the job's to tell.
    this.#follow(this.#finish(begun, silent)).catch(() => undefined);
  }

  async #follow<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  async #finish({ job, request, parts, priced: before }: Begun, tell: Tell): Promise<CompareDone> {
    try {
      await tell({ type: 'begun', jobId: job.id });
      const priced = before ?? (await this.#price(request, job.signal));
      const { encoded } = priced;
      if (!encoded) throw new LabError('internal', 'A comparison without a problem has its tokens.');
      const work = { request, priced: { ...priced, encoded }, job, parts, tell };
      const comparison = new Comparison({ ...this.#services, ...besideLoaded(this.#services.memory) }, work);
      const done = await withoutPaths('the model', pathsOf(request), comparison.run());
      const run = await this.#record(request, encoded.promptIds, done);
      await job.end(null, run.id);
      return { jobId: job.id, runId: run.id, result: done.result };
    } catch (error) {
      const told = withPartsKept(error);
      await job.end(told);
      throw told;
    }
  }

  async #record(
    request: StoredRequest,
    promptIds: number[],
    { result, reference }: ComparisonDone,
  ): Promise<Run> {
    const { column, versions } = reference;
    const [{ model }] = request.variants as [StoredRequest['variants'][number]];
    return this.#services.runs.record({
      kind: 'compare',
      modelName: model.name,
      modelPath: model.path,
      modelIdentity: column.identity,
      engine: column.engine,
      arithmetic: column.arithmetic,
      device: column.device,
      threads: column.threads,
      seed: null,
      settings: asJson(request),
      promptIds,
      resultIds: column.reply.tokens.map(({ id }) => id),
      versions: { ...versions, retort: retortVersion(), node: process.versions.node },
      figures: asJson(result),
    });
  }
}

/** A full disk takes nothing new; what it took stays. */
function withPartsKept(error: unknown): unknown {
  const { code, message, detail } = toLabError(error);
  if (code !== 'disk-full') return error;
  const kept = 'What was measured before is kept: the comparison can be gone on with.';
  return new LabError(code, `${message} ${kept}`, detail, { cause: error });
}

const asJson = (value: StoredRequest | CompareResult) =>
  z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(value)));

const pathsOf = ({ variants }: StoredRequest) => [...new Set(variants.map(({ model }) => model.path))];
