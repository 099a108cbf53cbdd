/** Ending everything below us, with real processes below the test's own. */
import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { endDescendants, listChildren } from "../../src/descendants.ts";
import { c } from "../../src/libc.ts";
import { Children, spawn } from "../../src/processes.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const children = new Children();
const start = (script: string) =>
  spawn("test", {
    argv: ["/bin/sh", "-c", script],
    environment: ["PATH=/usr/bin:/bin"],
    descriptors: [],
    detach: "session",
  });

afterAll(() => process.removeAllListeners("SIGCHLD"));

test("without children there is nothing to wait for", async () => {
  expect(listChildren()).toEqual([]);
  await endDescendants();
});

test("children are listed until they are reaped", async () => {
  const pid = start("exec sleep 60");
  const ended = children.ended(pid);
  expect(listChildren()).toEqual([pid]);
  c.kill(pid, 15);
  expect(await ended).toEqual({ code: undefined, signal: 15 });
  expect(listChildren()).toEqual([]);
});

test("ends sessions, their background jobs, and what ignores TERM, and leaves nobody", async () => {
  c.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  start("setsid sleep 60 & setsid sleep 60 & exec sleep 60");
  const deaf = start("trap '' TERM; while :; do sleep 0.05; done");
  await expect.poll(() => ignoredSignals(deaf) & (1n << 14n)).not.toBe(0n);
  await endDescendants();
  expect(listChildren()).toEqual([]);
  c.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
});

/** SigIgn of proc(5): bit n-1 is signal n. */
function ignoredSignals(pid: number): bigint {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return BigInt(`0x${/^SigIgn:\s*(\w+)/m.exec(status)?.[1] ?? "0"}`);
}
