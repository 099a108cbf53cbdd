/** The machine code of stand-in.ts: that it is what its listing says. What it does is tried in containers (sudo, hand-over). */
import { expect, test } from "vitest";
import { leaveStandIn, MACHINE_CODE } from "../../src/stand-in.ts";
import { assemble, hasAssembler } from "../support/assemble.ts";

test.runIf(hasAssembler)("its bytes are what as(1) makes of its listing", () => {
  expect(assemble("stand-in.s")).toBe(MACHINE_CODE);
});

test("a process with more than one thread does not do it", async () => {
  // A thread of the runtime's own: it reads the file.
  await Bun.file("/proc/self/stat").text();
  expect(leaveStandIn()).toBe(undefined);
});
