/**
 * Statistics of values that come in chunks, read twice: least, greatest and mean first, then what is measured from these. Sums are
 * float64; a chunk's are added to those of the chunks before.
 */
import { histogramBins, type TensorStatistics } from '../../contract/tensor-statistics.ts';

export class FirstReading {
  values = 0;
  zeros = 0;
  notNumbers = 0;
  infinities = 0;
  minimum = Infinity;
  maximum = -Infinity;
  #sum = 0;

  get finite(): number {
    return this.values - this.notNumbers - this.infinities;
  }

  get mean(): number {
    return this.#sum / this.finite;
  }

  add(values: Float32Array): void {
    let [sum, zeros, minimum, maximum] = [0, 0, Infinity, -Infinity];
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      sum += value;
      if (value === 0) zeros++;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
    // As many float32 numbers as memory holds stay finite in float64: some value is none.
    if (!Number.isFinite(sum)) {
      this.add(this.#withoutOthers(values));
      return;
    }
    this.values += values.length;
    this.zeros += zeros;
    this.#sum += sum;
    if (minimum < this.minimum) this.minimum = minimum;
    if (maximum > this.maximum) this.maximum = maximum;
  }

  /** The finite values; the others are counted. */
  #withoutOthers(values: Float32Array): Float32Array {
    const finite = values.filter(Number.isFinite);
    const notNumbers = values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
    this.values += values.length - finite.length;
    this.notNumbers += notNumbers;
    this.infinities += values.length - finite.length - notNumbers;
    return finite;
  }
}

export class SecondReading {
  readonly #first: FirstReading;
  readonly #bins = new Float64Array(histogramBins);
  #squares = 0;

  constructor(first: FirstReading) {
    this.#first = first;
  }

  add(values: Float32Array): void {
    const { mean, minimum, maximum } = this.#first;
    const scale = maximum > minimum ? histogramBins / (maximum - minimum) : 0;
    const bins = this.#bins;
    let squares = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      // Neither infinite nor not a number.
      if (value - value !== 0) continue;
      squares += (value - mean) * (value - mean);
      const bin = ((value - minimum) * scale) | 0;
      bins[bin < histogramBins ? bin : histogramBins - 1]!++;
    }
    this.#squares += squares;
  }

  get statistics(): TensorStatistics {
    const { values, zeros, notNumbers, infinities, finite, minimum, maximum, mean } = this.#first;
    const deviation = Math.sqrt(this.#squares / finite);
    const spread = { minimum, maximum, mean, deviation, histogram: [...this.#bins] };
    return { values, zeros, notNumbers, infinities, finite: finite > 0 ? spread : null };
  }
}
