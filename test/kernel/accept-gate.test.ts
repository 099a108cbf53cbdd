/** The FIFO that keeps an sshd from its first accept: who writes there waits until it is opened. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AcceptGate, makeAcceptGate } from "../../src/accept-gate.ts";
import { spawn, waitFor } from "../../src/processes.ts";

let dir: string;
let path: string;
let gate: AcceptGate | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "withssh-"));
  path = join(dir, "sshd.pid");
  gate = makeAcceptGate(path);
});
afterEach(() => {
  gate?.close();
  rmSync(dir, { recursive: true });
});

/** A writer as sshd is one: it opens the path by its name, making what is missing, and says when it is through. */
const startWriter = (done: string) =>
  spawn("test", {
    argv: ["/bin/sh", "-c", `echo 7 >"$1" && echo through >"$2"`, "sh", path, join(dir, done)],
    environment: [],
    descriptors: [0, 1, 2],
  });
const sleeps = async (pid: number) =>
  await expect.poll(() => readFileSync(`/proc/${pid}/wchan`, "utf8"), { timeout: 10_000 }).toBe("wait_for_partner");

test("who writes waits, goes on when it is opened, and finds a reader", async () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const writer = startWriter("first");
  await sleeps(writer);
  expect(existsSync(join(dir, "first"))).toBe(false);
  gate?.open();
  expect(waitFor(writer)).toEqual({ code: 0, signal: undefined });
});

test("who comes later writes a file of that name", () => {
  gate?.open();
  expect(existsSync(path)).toBe(false);
  expect(waitFor(startWriter("later"))).toEqual({ code: 0, signal: undefined });
  expect(readFileSync(path, "utf8")).toBe("7\n");
});

test("closed without having been opened it leaves nothing that anybody could wait on", () => {
  gate?.close();
  expect(existsSync(path)).toBe(false);
});

test("it takes the place of what an earlier start has left there, and there is none where none can be", () => {
  writeFileSync(join(dir, "other"), "1");
  expect(makeAcceptGate(join(dir, "other"))).toBeDefined();
  expect(statSync(join(dir, "other")).isFIFO()).toBe(true);
  expect(makeAcceptGate(join(dir, "not/there"))).toBeUndefined();
});
