/**
 * A supervisor that died before it got its request, on real processes: what is started here is the test's own runtime, which
 * knows no such role and ends at once.
 */
import { beforeEach, describe, expect, test } from "vitest";
import { StageError } from "../../src/errors.ts";
import { c, ptr } from "../../src/libc.ts";
import { isSettled } from "../../src/plain-start.ts";
import { isReadable } from "../../src/poll.ts";
import { inheritedDescriptors } from "../../src/process-facts.ts";
import type { Request } from "../../src/request.ts";
import { type StartedSupervisor, startSupervisor } from "../../src/supervisor-start.ts";

const WNOHANG = 1;
const F_GETFL = 3;
const O_ACCMODE = 3;
const O_WRONLY = 1;
const REQUEST: Request = {
  mode: "root",
  appPid: process.pid,
  appUid: 0,
  appGid: 0,
  appGroups: [],
  hasCommand: true,
  wantsReply: false,
  environment: [],
  imageSettings: [],
};

/** -1: no child of that pid is left, not even one to be waited for (wait(2), ECHILD). */
const waitForLeft = (pid: number) => c.wait4(pid, ptr(new Int32Array(1)), WNOHANG);

describe("an early supervisor that has died", () => {
  let dead: StartedSupervisor;

  beforeEach(() => {
    const before = inheritedDescriptors();
    dead = startSupervisor({ stay: false });
    const requestEnd = inheritedDescriptors().find(
      (fd) => !before.includes(fd) && (c.fcntl(fd, F_GETFL, 0) & O_ACCMODE) === O_WRONLY,
    );
    // An error there (poll(2), POLLERR): nobody has the other end of its request any more.
    expect(isReadable(requestEnd ?? -1, 30_000)).toBe(true);
    c.close(dead.replyEnd);
  });

  test("is told in words, and leaves no child that the app could meet", () => {
    expect(() => dead.send(REQUEST)).toThrow(StageError);
    expect(waitForLeft(dead.pid)).toBe(-1);
  });

  test("makes a plain start one that reads the settings, which can tell why", () => {
    const settle = () => dead.send(REQUEST);
    expect(isSettled({ ...dead, settle })).toBe(false);
    expect(waitForLeft(dead.pid)).toBe(-1);
  });
});
