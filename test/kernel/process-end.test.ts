/** The end of a process that is not our child to wait for, by its pidfd. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { c, check, SYS } from "../../src/libc.ts";
import { whenEnded } from "../../src/process-end.ts";

const openPidfd = (pid = 0) => check(Number(c.syscall(SYS.pidfdOpen, pid, 0, 0, 0, 0)), "pidfd_open", "test");

test("is told once, when it has ended and not before, and the descriptor stays open", async () => {
  const child = spawn("/bin/cat", { stdio: ["pipe", "ignore", "ignore"] });
  const pidfd = openPidfd(child.pid);
  const ends: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  whenEnded(pidfd, () => {
    ends.push(performance.now());
    resolve();
  });
  await once(child.stdin.end("x"), "finish");
  const gone = once(child, "exit").then(() => performance.now());
  await promise;
  expect((ends[0] ?? 0) - (await gone)).toBeLessThan(900);
  expect(ends).toHaveLength(1);
  expect(c.close(pidfd)).toBe(0);
});

test("of one that has ended already is told", async () => {
  const child = spawn("/bin/true", { stdio: "ignore" });
  const pidfd = openPidfd(child.pid);
  await once(child, "exit");
  await new Promise<void>((resolve) => whenEnded(pidfd, resolve));
  c.close(pidfd);
});
