/** The machine code of hand-over.ts: that it is what its listing says. What it does is tried in containers (purity, execvp, supervisor-fork). */
import { expect, test } from "vitest";
import { handOver, MACHINE_CODE } from "../../src/hand-over.ts";
import { assemble, hasAssembler } from "../support/assemble.ts";

test.runIf(hasAssembler)("its bytes are what as(1) makes of its listing", () => {
  expect(assemble("hand-over.s")).toBe(MACHINE_CODE);
});

test("a process with more than one thread does not do it", async () => {
  // A thread of the runtime's own: it reads the file.
  await Bun.file("/proc/self/stat").text();
  const program = { paths: ["/bin/false"], argv: ["false"], environment: [], otherwise: ["false"] };
  expect(handOver(program, false)).toBe(false);
});
