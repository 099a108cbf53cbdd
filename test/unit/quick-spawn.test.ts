/** The machine code of quick-spawn.ts: that it is what its listing says, and that both ways to start a program are the same (kernel/processes.test.ts tries the one that is in use). */
import { expect, test } from "vitest";
import { MACHINE_CODE } from "../../src/quick-spawn.ts";
import { assemble, hasAssembler } from "../support/assemble.ts";

test.runIf(hasAssembler)("its bytes are what as(1) makes of its listing", () => {
  expect(assemble("quick-spawn.s")).toBe(MACHINE_CODE);
});
