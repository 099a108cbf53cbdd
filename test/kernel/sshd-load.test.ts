/** An sshd that is started early and comes to its config after us: how long nothing else is done for it. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bytesOf } from "../../src/byte-strings.ts";
import { Children, spawn } from "../../src/processes.ts";
import type { Sshd } from "../../src/sshd.ts";
import { SshdPlace } from "../../src/sshd-place.ts";

/** It comes to its config once somebody has written to `go`, and says when it has read that. */
const COMES_LATE = `#!/bin/sh\ncat "\${0%/*}/go" && cat "$4" && echo 'has it' >&2\nexec tail -f /dev/null`;
const CONFIG = Buffer.from("Port 2222\n");
/** Long enough for a half of it to be told from nothing on any machine. */
const UNDER_WAY_MS = 1000;

/** Some milliseconds, a small part of that. */
const SOME_TIME = "for i in 1 2 3 4; do /bin/true; done";

let dir: string;
let place: SshdPlace;
let sshd: Sshd;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "withssh-"));
  place = new SshdPlace(new Children("now"), () => {});
  writeFileSync(join(dir, "sshd"), COMES_LATE);
  chmodSync(join(dir, "sshd"), 0o755);
  execFileSync("mkfifo", [join(dir, "go")]);
  sshd = place.renew(join(dir, "sshd"), dir);
  sshd.warm();
  const isUnderWay = () => sshd.facts.upMs >= UNDER_WAY_MS && waitsForGo();
  await expect.poll(isUnderWay, { timeout: 10_000 }).toBe(true);
});
afterEach(() => {
  place.drop();
  place.log.close();
  rmSync(dir, { recursive: true });
});

/** Its `cat go` is a child of it, which waits in open(2). */
function waitsForGo(): boolean {
  const { pid } = sshd.facts;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children !== "" && readFileSync(`/proc/${children}/wchan`, "utf8") === "wait_for_partner";
}

test("one that comes to it meanwhile gets it at once, before anything else of ours is done", () => {
  const argv = ["/bin/sh", "-c", `${SOME_TIME}; : > "$0"`, join(dir, "go")].map(bytesOf);
  spawn("let it go on", { argv, environment: [], descriptors: [] });
  sshd.load(CONFIG);
  // No turn of the event loop was between.
  expect(place.log.awaitRecord(10_000)).toBe(true);
});

test("it is waited for half as long as it has been under way, and gets it later all the same", async () => {
  const { upMs } = sshd.facts;
  const began = performance.now();
  sshd.load(CONFIG);
  const elapsedMs = performance.now() - began;
  expect(elapsedMs).toBeGreaterThanOrEqual(upMs / 2);
  expect(elapsedMs).toBeLessThan(upMs);
  writeFileSync(join(dir, "go"), "");
  await sshd.supplied;
  expect(place.log.awaitRecord(10_000)).toBe(true);
});
