/** The machine code of hand-over.ts: that it is what its listing says. What it does is tried in containers (purity, execvp, supervisor-fork). */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { handOver, MACHINE_CODE } from "../../src/hand-over.ts";

const LISTING = new URL("../../src/hand-over.s", import.meta.url).pathname;

test.runIf(process.arch === "x64" && existsSync("/usr/bin/as"))("its bytes are what as(1) makes of its listing", () => {
  const dir = mkdtempSync(join(tmpdir(), "withssh-"));
  try {
    const [object, bytes] = [join(dir, "o"), join(dir, "bytes")];
    execFileSync("as", ["-o", object, LISTING]);
    execFileSync("objcopy", ["-O", "binary", "-j", ".text", object, bytes]);
    expect(readFileSync(bytes).toString("hex")).toBe(MACHINE_CODE);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("a process with more than one thread does not do it", async () => {
  // A thread of the runtime's own: it reads the file.
  await Bun.file("/proc/self/stat").text();
  const program = { paths: ["/bin/false"], argv: ["false"], environment: [], otherwise: ["false"] };
  expect(handOver(program, false)).toBe(false);
});
