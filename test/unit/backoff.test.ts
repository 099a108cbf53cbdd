import { expect, test } from "vitest";
import { countFailures, delayAfter, FIRST_DELAY_MS, LONGEST_DELAY_MS, QUIET_MS } from "../../src/backoff.ts";

test("delays double from 100 ms and end at 30 s, however often it failed", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 10_000].map((failures) => delayAfter(failures, 0))).toEqual([
    100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000,
  ]);
});

test("jitter takes up to half away and never more, so that a fleet does not restart in step", () => {
  expect(delayAfter(3, 0.5)).toBe(300);
  expect(delayAfter(1, 0.999_999)).toBe(FIRST_DELAY_MS / 2);
  expect(delayAfter(100, 0.999_999)).toBe(LONGEST_DELAY_MS / 2);
});

test("the first restart after a crash comes in well under a second", () => {
  expect(delayAfter(countFailures(0, 0), 0)).toBeLessThan(1000);
});

test("failures in a row are counted, and ten quiet seconds begin anew", () => {
  expect([countFailures(0, 0), countFailures(4, QUIET_MS - 1), countFailures(4, QUIET_MS)]).toEqual([1, 5, 1]);
  expect(QUIET_MS).toBe(10_000);
});
