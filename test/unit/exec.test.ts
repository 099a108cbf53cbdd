import { describe, expect, test } from "vitest";
import { renderCandidates } from "../../src/exec.ts";

describe("a command is looked for as execvp does", () => {
  test.each([
    ["in each directory of PATH, in order", "rails", ["PATH=/a:/b/c"], ["/a/rails", "/b/c/rails"]],
    ["in the C library's own path when PATH is not set", "rails", ["HOME=/"], ["/bin/rails", "/usr/bin/rails"]],
    ["in the working directory alone when PATH is empty", "rails", ["PATH="], ["./rails"]],
    [
      "in the working directory for an empty part",
      "rails",
      ["PATH=/a::/b:"],
      ["/a/rails", "./rails", "/b/rails", "./rails"],
    ],
    ["by the first PATH when there are two", "rails", ["PATH=/first", "PATH=/second"], ["/first/rails"]],
    ["nowhere else when it has a slash", "bin/rails", ["PATH=/a"], ["bin/rails"]],
    ["as it is when it is absolute", "/opt/x", ["PATH=/a"], ["/opt/x"]],
    ["with bytes that are no UTF-8 untouched", "\xff", ["PATH=/\xfe"], ["/\xfe/\xff"]],
    ["nowhere when it is empty", "", ["PATH=/a"], []],
    ["not by a variable whose name only begins so", "x", ["PATHS=/no", "PATH=/yes"], ["/yes/x"]],
  ] as const)("%s", (_title, command, environment, candidates) => {
    expect(renderCandidates(command, environment)).toEqual(candidates);
  });
});
