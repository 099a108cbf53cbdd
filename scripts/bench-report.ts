/**
 * The results of a bench as Markdown: one table for people, docs/bench.md and README alike. Says what it ran on, never
 * when or where.
 */
import type { Figure, Verdict } from "./bench-figures.ts";
import { replaceMarked } from "./marked.ts";

/** All that a bench found; dist/bench.json is this. */
export interface Results {
  readonly machine: { readonly cores: number; readonly kernel: string; readonly loadAverage: number };
  readonly times: readonly { readonly title: string; readonly figures: Readonly<Record<string, Figure>> }[];
  readonly bars: readonly Verdict[];
}

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const ms = (value: number) => value.toFixed(value < 100 ? 2 : 0);

/** Times of each variant, then the bars. */
export function renderResults({ machine, times, bars }: Results): string {
  const timeRows = times.flatMap(({ title, figures }) =>
    Object.entries(figures).map(([variant, { medianMs, p95Ms, leastMs, runs }]) =>
      row([title, variant, ms(medianMs), ms(p95Ms), ms(leastMs), String(runs)]),
    ),
  );
  const barRows = bars.map(({ what, value, bar, unit, holds }) =>
    row([what, `${Number(value.toFixed(2))} ${unit}`, `≤ ${bar}`, holds ? "holds" : "**missed**"]),
  );
  return [
    `${machine.cores} cores, Linux ${machine.kernel}, load average ${machine.loadAverage.toFixed(1)} at the start.`,
    "",
    row(["what", "variant", "median ms", "p95 ms", "least ms", "runs"]),
    "|---|---|--:|--:|--:|--:|",
    ...timeRows,
    "",
    row(["bar", "measured", "at most", ""]),
    "|---|---|---|---|",
    ...barRows,
    "",
  ].join("\n");
}

/** `document` with `table` between the two marks. Throws when a mark is not there. */
export function replaceTable(document: string, table: string): string {
  return replaceMarked(document, "bench", table);
}
