import { expect, test } from "vitest";
import { RecentProblems } from "../../src/recent-problems.ts";

test("warnings and errors are kept, the newest last, and repeats are counted", () => {
  const problems = new RecentProblems();
  problems.note({ type: "warning", problem: { what: "first" } }, 1);
  problems.note({ type: "config changed" }, 2);
  problems.note({ type: "sshd exited", status: "signal 9", restartInMs: 80 }, 3);
  problems.note({ type: "sshd exited", status: "signal 9", restartInMs: 160 }, 4);
  problems.note({ type: "warning", problem: { what: "first" } }, 5);
  expect(problems.list()).toEqual([
    { level: "error", text: "sshd exited status=signal 9", timeMs: 4, count: 2 },
    { level: "warn", text: "first", timeMs: 5, count: 2 },
  ]);
});

test("no more than ten are kept, whatever happens", () => {
  const problems = new RecentProblems();
  for (let at = 0; at < 100; at += 1) problems.note({ type: "warning", problem: { what: `w${at}` } }, at);
  expect(problems.list().map(({ text }) => text)).toEqual(Array.from({ length: 10 }, (_, at) => `w${90 + at}`));
});
