import { createRequire } from "node:module";
import { expect, test } from "vitest";

interface Facts {
  readonly node: string;
  readonly leastNode: number;
  readonly bunBytes: number | undefined;
}
const { findProblem } = createRequire(import.meta.url)("../../scripts/preflight.cjs") as {
  findProblem(facts: Facts): string | undefined;
};
const GOOD: Facts = { node: "20.20.2", leastNode: 20, bunBytes: 1e8 };

test("where all is there it says nothing", () => {
  expect(findProblem(GOOD)).toBeUndefined();
  expect(findProblem({ ...GOOD, node: "100.0.0" })).toBeUndefined();
});

test.each([
  [{ node: "8.17.0" }, "Node is too old — saw 8.17.0 — hint: install Node 20 or newer, then: npm ci && npm start"],
  [
    { bunBytes: undefined },
    "the packages are not installed — saw no node_modules/.bin/bun — hint: npm ci && npm start",
  ],
  [
    { bunBytes: 450 },
    expect.stringMatching(/saw a stub: npm ran no install scripts — hint: npm ci --ignore-scripts=false/),
  ],
])("what is amiss is told with what to do: %j", (amiss, told) => {
  expect(findProblem({ ...GOOD, ...amiss })).toEqual(told);
});
