import { describe, expect, test } from "vitest";
import { dropWarmUps, judge, quantile, relatePairs, type Sample, summarize } from "../../scripts/bench-figures.ts";
import { judgeTimes, judgeWatched, renderTimeJob, renderWatchJob, timeJobs } from "../../scripts/bench-jobs.ts";
import { renderResults, replaceTable } from "../../scripts/bench-report.ts";

/** Samples of one variant, a round each, in milliseconds. */
const samplesOf = (variant: string, ...values: readonly number[]): Sample[] =>
  values.map((value, round) => ({ round, variant, ns: value * 1e6 }));

describe("figures", () => {
  test("a median is the middle value, or the mean of the two in the middle; the order of runs does not count", () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  });

  test("p95 is a value that was measured: the nearest rank", () => {
    const values = Array.from({ length: 100 }, (_, i) => i + 1);
    expect(quantile(values, 0.95)).toBe(95);
    expect(quantile([7], 0.95)).toBe(7);
  });

  test("nothing measured is an error, not a zero", () => {
    expect(() => quantile([], 0.5)).toThrow("nothing was measured");
    expect(() => summarize(samplesOf("bash", 1), "withssh")).toThrow("nothing was measured");
  });

  test("warm-up rounds are not counted, for no variant", () => {
    const samples = [...samplesOf("bash", 90, 91, 3), ...samplesOf("withssh", 80, 81, 2)];
    expect(dropWarmUps(samples, 2).map(({ ns }) => ns / 1e6)).toEqual([3, 2]);
  });

  test("a variant's figure holds its own runs, in milliseconds", () => {
    const samples = [...samplesOf("bash", 10, 20, 60), ...samplesOf("tini", 1, 1, 1)];
    expect(summarize(samples, "bash")).toEqual({ runs: 3, medianMs: 20, p95Ms: 60, leastMs: 10 });
  });

  test("a ratio compares runs of the same round: what disturbs one round disturbs no other", () => {
    const samples = [...samplesOf("bash", 10, 1000, 20), ...samplesOf("withssh", 4, 400, 8)];
    expect(relatePairs(samples, "withssh", "bash", (a, b) => a / b)).toBeCloseTo(0.4);
  });
});

describe("bars", () => {
  const [appJob, sudoJob, bannerJob, firstJob] = timeJobs("pid1");
  const holdsAt = (job: typeof appJob, ...samples: Sample[][]) =>
    job === undefined ? [] : judgeTimes(job, samples.flat()).map(({ holds }) => holds);

  test("at the bar it holds, beyond it does not", () => {
    expect(judge("x", 6, 6, "ms").holds).toBe(true);
    expect(judge("x", 6.001, 6, "ms").holds).toBe(false);
  });

  test("the app runs within half of the script's time and six milliseconds after tini", () => {
    const tini = samplesOf("tini", 1);
    expect(holdsAt(appJob, samplesOf("withssh", 7), samplesOf("bash", 14), tini)).toEqual([true, true]);
    expect(holdsAt(appJob, samplesOf("withssh", 7.1), samplesOf("bash", 14), tini)).toEqual([false, false]);
  });

  test("behind one sudo call the app runs within six tenths of the script's time with its many", () => {
    expect(holdsAt(sudoJob, samplesOf("withssh-sudo", 60), samplesOf("bash-sudo", 100))).toEqual([true]);
    expect(holdsAt(sudoJob, samplesOf("withssh-sudo", 61), samplesOf("bash-sudo", 100))).toEqual([false]);
  });

  test("SSH answers within 1.15 of the script's time, and within a fifth where no key is anywhere", () => {
    expect(holdsAt(bannerJob, samplesOf("withssh", 114), samplesOf("bash", 100))).toEqual([true]);
    expect(holdsAt(bannerJob, samplesOf("withssh", 116), samplesOf("bash", 100))).toEqual([false]);
    expect(holdsAt(firstJob, samplesOf("withssh", 20), samplesOf("bash", 100))).toEqual([true]);
    expect(holdsAt(firstJob, samplesOf("withssh", 21), samplesOf("bash", 100))).toEqual([false]);
  });

  test("the supervisor holds ten million bytes at most, and takes two clock ticks when idle", () => {
    const holds = (anonymousKib: number, ticks: number) =>
      judgeWatched("pid1", { anonymousKib, pssKib: 0, ticks }).map((verdict) => verdict.holds);
    expect(holds(9765, 2)).toEqual([true, true]);
    expect(holds(9766, 3)).toEqual([false, false]);
  });
});

describe("jobs and results", () => {
  test("jobs are words for the harness, apart by tabs", () => {
    const [appJob] = timeJobs("child");
    const words = ["time", "app", "child", "restored", "53", "bare", "tini", "bash", "withssh"];
    expect(appJob && renderTimeJob(appJob, 53)).toBe(words.join("\t"));
    expect(renderWatchJob("pid1", "--role")).toBe('watch\tpid1\t"msg":"ssh ready"\t--role\t5\t20');
  });

  test("the table says what was missed, and replaces the one of the last time between its marks", () => {
    const table = renderResults({
      machine: { cores: 2, kernel: "6.1", loadAverage: 0.25 },
      times: [{ title: "app", figures: { tini: { runs: 50, medianMs: 1.234, p95Ms: 240.4, leastMs: 1 } } }],
      bars: [judge("memory", 11, 10, "MB"), judge("ticks", 0, 2, "clock ticks")],
    });
    expect(table).toContain("| app | tini | 1.23 | 240 | 1.00 | 50 |");
    expect(table).toContain("| memory | 11 MB | ≤ 10 | **missed** |");
    expect(table).toContain("| ticks | 0 clock ticks | ≤ 2 | holds |");
    const before = "a\n<!-- bench: start -->\nold\n<!-- bench: end -->\nb\n";
    expect(replaceTable(before, "new\n")).toBe("a\n<!-- bench: start -->\nnew\n<!-- bench: end -->\nb\n");
    expect(() => replaceTable("no marks", "new\n")).toThrow("bench: start");
  });
});
