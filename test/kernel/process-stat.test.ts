import { expect, test } from "vitest";
import { isRunning, parseProcessStat, readStartTicks } from "../../src/process-stat.ts";

test("a process's state and beginning are read past any name that it has", () => {
  const fields = Array.from({ length: 30 }, (_, at) => String(at + 4)).join(" ");
  expect(parseProcessStat(`7 (a ) S 1 (b) T ${fields}`)).toEqual({ state: "T", startTicks: "22" });
  expect(parseProcessStat("")).toBeUndefined();
});

test("a process runs by its pid and its beginning together: another one under its pid is not it", () => {
  const { pid } = process;
  expect(isRunning({ pid, startTicks: readStartTicks(pid) })).toBe(true);
  expect(isRunning({ pid, startTicks: "1" })).toBe(false);
  expect(isRunning({ pid, startTicks: undefined })).toBe(false);
});
