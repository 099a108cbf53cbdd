import { expect, test } from "vitest";
import { parseProcessStat, readStartTicks } from "../../src/process-stat.ts";
import { Sessions } from "../../src/sessions.ts";

const login = (port: number) => ({ user: "app", address: "::1", port, key: "SHA256:x", source: "AUTHORIZED_KEYS" });

test("a session is there from its login until it is disconnected, which gives back what was known of it", () => {
  const sessions = new Sessions();
  const session = sessions.accepted(process.pid, login(1), 1000);
  expect(session).toEqual({ ...login(1), pid: process.pid, startTicks: readStartTicks(process.pid), sinceMs: 1000 });
  expect(sessions.list()).toEqual([session]);
  expect(sessions.disconnected({ address: "::1", port: 2 })).toBeUndefined();
  expect(sessions.disconnected({ address: "::1", port: 1 })).toEqual(session);
  expect(sessions.list()).toEqual([]);
});

test("a session whose process is unknown is in no list, and still gives back when it began", () => {
  const sessions = new Sessions();
  sessions.accepted(0, login(1), 1000);
  expect(sessions.disconnected({ address: "::1", port: 1 })).toMatchObject({ startTicks: undefined, sinceMs: 1000 });
  sessions.accepted(0, login(1), 1000);
  expect(sessions.list()).toEqual([]);
});

test("sessions that ended without a word are forgotten, however many come", () => {
  const sessions = new Sessions();
  for (let port = 1; port <= 5000; port += 1) sessions.accepted(0, login(port), port);
  const known = Array.from({ length: 5000 }, (_, at) => sessions.disconnected({ address: "::1", port: at + 1 }));
  expect(known.filter((session) => session !== undefined).length).toBeLessThanOrEqual(64);
});

test("a process's state and beginning are read past any name that it has", () => {
  const fields = Array.from({ length: 30 }, (_, at) => String(at + 4)).join(" ");
  expect(parseProcessStat(`7 (a ) S 1 (b) T ${fields}`)).toEqual({ state: "T", startTicks: "22" });
  expect(parseProcessStat("")).toBeUndefined();
});
