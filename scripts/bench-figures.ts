/**
 * What the samples of a bench amount to: median, p95, ratios of runs of the same round, and the bars of the project.
 * Pure: no clock, no files. Must never judge by the mean: the machine is shared, and one hiccup would decide.
 */

/** One run: nanoseconds from the exec of a variant. Runs of one round stood side by side in time. */
export interface Sample {
  readonly round: number;
  readonly variant: string;
  readonly ns: number;
}

/** Milliseconds of all counted runs of a variant. */
export interface Figure {
  readonly runs: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly leastMs: number;
}

/** Something measured held against what it may be at most. */
export interface Verdict {
  readonly what: string;
  readonly value: number;
  readonly bar: number;
  readonly unit: string;
  readonly holds: boolean;
}

/** The value below which a share (0 to 1) of the values lies, by nearest rank; the mean of two for an even median. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) throw new Error("no values: nothing was measured");
  const at = share * sorted.length;
  const low = sorted[Math.max(0, Math.ceil(at) - 1)] ?? Number.NaN;
  const isBetweenTwo = share === 0.5 && Number.isInteger(at);
  return isBetweenTwo ? (low + (sorted[at] ?? low)) / 2 : low;
}

/** Leaves out the first rounds: caches fill in them. */
export function dropWarmUps(samples: readonly Sample[], rounds: number): Sample[] {
  return samples.filter(({ round }) => round >= rounds);
}

/** The figure of one variant. Throws when it has no runs. */
export function summarize(samples: readonly Sample[], variant: string): Figure {
  const values = samples.filter((sample) => sample.variant === variant).map(({ ns }) => ns / 1e6);
  return {
    runs: values.length,
    medianMs: quantile(values, 0.5),
    p95Ms: quantile(values, 0.95),
    leastMs: quantile(values, 0),
  };
}

/** For each round with both: what `relate` makes of the two runs, in milliseconds; then the median of that. */
export function relatePairs(
  samples: readonly Sample[],
  variant: string,
  other: string,
  relate: (ms: number, otherMs: number) => number,
): number {
  const others = new Map(samples.filter((sample) => sample.variant === other).map(({ round, ns }) => [round, ns]));
  const related = samples
    .filter((sample) => sample.variant === variant)
    .flatMap(({ round, ns }) => {
      const otherNs = others.get(round);
      return otherNs === undefined ? [] : [relate(ns / 1e6, otherNs / 1e6)];
    });
  return quantile(related, 0.5);
}

/** Holds a value to its bar. At the bar it holds. */
export function judge(what: string, value: number, bar: number, unit: string): Verdict {
  return { what, value, bar, unit, holds: value <= bar };
}
