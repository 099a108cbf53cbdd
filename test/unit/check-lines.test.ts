import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type CheckLine, line, lineOfFailure, linesOfEvent, renderCheck, type Verdict } from "../../src/check-lines.ts";
import { StageError } from "../../src/errors.ts";

const lines = (...verdicts: Verdict[]): CheckLine[] => verdicts.map((verdict) => line(verdict, "x", "words"));
const sumOf = (text: string) => text.trimEnd().split("\n").at(-1);

describe("the sum", () => {
  test.each<[Verdict[], string]>([
    [["ok", "note", "warn"], "all would start"],
    [["ok", "fail"], "ssh would be down: 1 reason"],
    [["fail", "unknown", "fail"], "ssh would be down: 2 reasons"],
    [["ok", "unknown"], "nothing seen that would keep ssh from starting; ask as root to see all"],
  ])("of %j is: %s", (verdicts, sum) => {
    expect(sumOf(renderCheck(lines(...verdicts)))).toBe(sum);
  });
});

test("each line is a row of columns, and no word in it moves a cursor", () => {
  const text = renderCheck([line("ok", "mode", "a\u001b[2Jb"), line("fail", "host keys", { what: "w", hint: "h" })]);
  expect(text.split("\n").slice(0, 2)).toEqual(["ok       mode       a?[2Jb", "fail     host keys  w — hint: h"]);
});

test("what a stage told is ok or a warning, never a failure: the boot went on; what debugging wants is left out", () => {
  expect(linesOfEvent({ type: "stage", stage: "findPrograms", ms: 1 })).toEqual([]);
  expect(linesOfEvent({ type: "keys", count: 0, users: ["root"], sources: {} })).toEqual([]);
  expect(linesOfEvent({ type: "config line left out", lines: ["f:1 Port"] })).toMatchObject([
    { verdict: "note", about: "config" },
  ]);
  expect(linesOfEvent({ type: "key line refused", source: "S", line: 3, reason: "r" })).toEqual([
    { verdict: "warn", about: "keys", text: "key line refused: r source=S line=3" },
  ]);
  const problem = { what: "w" };
  expect(linesOfEvent({ type: "account refused", user: "u", problem })).toMatchObject([
    { verdict: "warn", about: "users" },
  ]);
});

test("a stage that failed is told under what it is about", () => {
  const failure = new StageError("restoreHostKeys", { what: "w", saw: "s" });
  expect(lineOfFailure(failure, "fail")).toEqual({ verdict: "fail", about: "host keys", text: "w — saw s" });
});

test("a stage that fails is told by what it is about, and no stage by its own name", () => {
  const source = ["wake.ts", "boot.ts"].map((name) =>
    readFileSync(new URL(`../../src/${name}`, import.meta.url), "utf8"),
  );
  const stages = [...source.join("").matchAll(/stage\("(\w+)"/g)].map((match) => match[1] ?? "");
  expect(stages.length).toBeGreaterThan(8);
  const abouts = stages.map((stage) => lineOfFailure(new StageError(stage, { what: "x" }), "fail").about);
  expect(abouts.filter((about) => /[A-Z]/.test(about))).toEqual([]);
});
