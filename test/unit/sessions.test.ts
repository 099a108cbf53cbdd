import { expect, test } from "vitest";
import { readStartTicks } from "../../src/process-stat.ts";
import { MOST_SESSIONS, type Session, Sessions } from "../../src/sessions.ts";

const session = (port: number, pid = 0): Session => ({
  user: "app",
  address: "::1",
  port,
  key: "SHA256:x",
  source: "AUTHORIZED_KEYS",
  pid,
  startTicks: pid === 0 ? undefined : readStartTicks(pid),
  sinceMs: 1000,
  beganMs: 5,
});

test("a session is open from its login until its end is told, which gives back what was known of it", () => {
  const sessions = new Sessions();
  const [mine, other] = [session(1), session(2)];
  sessions.add(mine);
  sessions.add(other);
  expect(sessions.list()).toEqual([mine, other]);
  expect(sessions.end({ address: "::1", port: 3 })).toBeUndefined();
  expect(sessions.end({ address: "::1", port: 1 })).toBe(mine);
  expect(sessions.list()).toEqual([other]);
  expect(sessions.end({ address: "::1", port: 2 })).toBe(other);
  expect(sessions.isEmpty).toBe(true);
});

test("a session whose process is unknown or gone is not among the living, and is open until its end is told", () => {
  const sessions = new Sessions();
  const gone = { ...session(2, process.pid), startTicks: "1" };
  sessions.add(session(1));
  sessions.add(gone);
  expect(sessions.living()).toEqual([]);
  expect(sessions.list()).toEqual([session(1), gone]);
});

test("a session lives while its process does: no other connection of its client gets it out of the table", () => {
  const sessions = new Sessions();
  const [first, second] = [session(1, process.pid), session(1, process.ppid)];
  sessions.add(first);
  sessions.end(first);
  expect(sessions.isEmpty).toBe(true);
  expect(sessions.living()).toEqual([first]);
  sessions.add(second);
  sessions.add(session(1));
  expect(sessions.living()).toEqual([first, second]);
});

test("however many come the table stays bounded, and the oldest is told first", () => {
  const sessions = new Sessions();
  for (let port = 1; port <= MOST_SESSIONS + 2; port += 1) sessions.add(session(port));
  expect(sessions.list()).toHaveLength(MOST_SESSIONS);
  expect(sessions.list()[0]?.port).toBe(3);
});
