/** A plain start that cannot hand over: here the runtime has more than one thread. That it does is tried in containers. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { c } from "../../src/libc.ts";
import { leaveSupervisor } from "../../src/plain-start.ts";
import { openDescriptors } from "../../src/process-facts.ts";
import { IGNORED_BY_RUNTIME } from "../../src/signals.ts";
import { openPipe } from "../../src/supervisor-start.ts";

const F_GETFD = 1;
const FD_CLOEXEC = 1;

const ignored = () => BigInt(`0x${/^SigIgn:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`);
const leave = () => leaveSupervisor(["/bin/false"], [], openDescriptors());

afterEach(() => vi.restoreAllMocks());

test("goes on as it was: what it starts holds nothing of the app's, and a closed pipe does not end it", async () => {
  // A thread of the runtime's own: it reads the file.
  await Bun.file("/proc/self/stat").text();
  vi.spyOn(c, "getppid").mockReturnValue(1);
  const fds = openPipe();
  expect(leave()).toBeUndefined();
  expect(fds.map((fd) => c.fcntl(fd, F_GETFD, 0))).toEqual([FD_CLOEXEC, FD_CLOEXEC]);
  expect(ignored() & IGNORED_BY_RUNTIME).toBe(IGNORED_BY_RUNTIME);
  for (const fd of fds) c.close(fd);
});

test("has not begun it where its parent is no init", () => {
  const sigaction = vi.spyOn(c, "sigaction");
  expect(leave()).toBeUndefined();
  expect(sigaction).not.toHaveBeenCalled();
});
