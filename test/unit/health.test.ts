import { describe, expect, test } from "vitest";
import { judgeHealth, type Kernel, nobody, OFF } from "../../src/health.ts";
import type { StatusDocument } from "../../src/status-document.ts";

const UP = {
  ssh: "up",
  problem: null,
  required: false,
  port: 2222,
  supervisor: { pid: 7, uptime_s: 100 },
  sshd: { pid: 11, start_ticks: "99", uptime_s: 100 },
  keys: [{}],
  sessions: [],
} as unknown as StatusDocument;

const OTHER = { state: "S", startTicks: "1" };

const with_ = (changes: object): StatusDocument => ({ ...UP, ...changes }) as StatusDocument;

/** A kernel whose queue of waiting connections is as said, look after look; its clock moves by sleeping alone. */
function kernel(queues: readonly (number | "none")[], changes: Partial<Kernel> = {}): Kernel & { slept: number } {
  let look = 0;
  const one: Kernel & { slept: number } = {
    slept: 0,
    stat: () => ({ state: "S", startTicks: "99" }),
    listeners: () => {
      const waiting = queues[Math.min(look++, queues.length - 1)];
      return typeof waiting === "number" ? [{ uid: 0, inode: "1", waiting }] : [];
    },
    sleep: (ms: number) => {
      one.slept += ms;
    },
    now: () => one.slept,
    ...changes,
  };
  return one;
}

test("an sshd that listens and takes up what connects is healthy, at the first look", () => {
  const quiet = kernel([0]);
  expect(judgeHealth(UP, quiet)).toEqual({
    isHealthy: true,
    line: "healthy: sshd (pid 11) listens on port 2222; 1 key, 0 open",
  });
  expect(quiet.slept).toBe(0);
});

describe("connections that wait", () => {
  test.each<[(number | "none")[], string]>([
    [[3, 2], "taken up one by one"],
    [[3, 3, 5, 4], "taken up, while more come"],
    [[1, 0], "taken up"],
    [[2, "none", 0], "gone, with an sshd that was started again"],
    [["none", "none", 0], "none, while sshd reads its config again"],
  ])("%j: healthy, they are %s", (queues) => {
    expect(judgeHealth(UP, kernel(queues)).isHealthy).toBe(true);
  });

  test("and never become fewer are told, after 0.7 s", () => {
    const stuck = kernel([3, 4, 5]);
    const { isHealthy, line } = judgeHealth(UP, stuck);
    expect(isHealthy).toBe(false);
    expect(line).toMatch(
      /^unhealthy: sshd takes up no connection: 5 wait on port 2222 — saw none was taken up in 700 ms — hint: is sshd/,
    );
    expect(stuck.slept).toBe(700);
  });
});

test.each([
  ["has ended", { stat: (pid: number) => (pid === 11 ? undefined : OTHER) }, "sshd has ended"],
  ["left its pid to another", { stat: () => ({ state: "S", startTicks: "100" }) }, "sshd has ended"],
  ["is stopped", { stat: () => ({ state: "T", startTicks: "99" }) }, "is stopped"],
  ["is a zombie", { stat: () => ({ state: "Z", startTicks: "99" }) }, "is stopped"],
  ["does not listen", { listeners: () => [] }, "nothing listens on port 2222"],
])("an sshd that %s is unhealthy", (_, changes, words) => {
  const { isHealthy, line } = judgeHealth(UP, kernel([0], changes));
  expect(isHealthy).toBe(false);
  expect(line).toContain(words);
});

test("a kernel that shows no sockets, or no process of others, is no fault of sshd's", () => {
  expect(judgeHealth(UP, kernel([0], { stat: () => undefined })).isHealthy).toBe(true);
  expect(judgeHealth(UP, kernel([0], { listeners: () => undefined })).isHealthy).toBe(true);
});

test.each<[string, object, boolean, string]>([
  ["SSH is down", { ssh: "down", problem: "because" }, false, "unhealthy: because"],
  ["no key yet", { ssh: "no keys" }, true, "healthy: ssh waits for an authorized key"],
  ["no key and SSH is required", { ssh: "no keys", required: true }, false, "unhealthy: ssh waits"],
  ["starting", { ssh: "starting", sshd: { uptime_s: 1 } }, true, "healthy: ssh is starting"],
  ["starting and required", { ssh: "starting", sshd: { uptime_s: 1 }, required: true }, false, "does not listen yet"],
  ["starting for too long", { ssh: "starting", sshd: { uptime_s: 31 } }, false, "does not listen yet"],
])("%s", (_, changes, isHealthy, words) => {
  const health = judgeHealth(with_(changes), kernel([0]));
  expect(health.isHealthy).toBe(isHealthy);
  expect(health.line).toContain(words);
});

test("switched off is healthy, and nobody who answers is not", () => {
  expect(OFF).toEqual({ isHealthy: true, line: expect.stringMatching(/^healthy: ssh is switched off/) });
  expect(nobody({ what: "the supervisor has ended" })).toEqual({
    isHealthy: false,
    line: "unhealthy: the supervisor has ended",
  });
});
