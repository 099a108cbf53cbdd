/** Records as OpenSSH 9.2 and 10.0 wrote them, joined to events; processes and time are the test's own. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Event } from "../../src/events.ts";
import { type Session, Sessions } from "../../src/sessions.ts";
import { parseSshdRecord } from "../../src/sshd-log.ts";
import { Logins, SWEEP_MS } from "../../src/sshd-logins.ts";

const KEY = "SHA256:8TjfaTxl+W1N4Jlx+JpdVrKGjQDMKs6iYWPaMO46aAo";
const OTHER = "SHA256:kiPe0WNvQaS9eX/+cv++eymegNtDuMZzQe1zkFfIocg";
const AUTHORITY = "SHA256:qgxvDjBomMUiEU7DJ72FH1VQGpS5XuM61Mgi+lwu34I";
const FROM = "127.0.0.1 port 46810";
const here = { address: "127.0.0.1", port: 46810 };
const PID = 70;
const NOW = Date.UTC(2026, 0, 2);

let events: Event[];
let logins: Logins;
let sessions: Sessions;
let begun: Session[];
let processes: Map<number, string>;
let nowMs: number;
let undrained: string[];
beforeEach(() => {
  vi.useFakeTimers();
  events = [];
  sessions = new Sessions();
  begun = [];
  processes = new Map([[PID, "1000"]]);
  nowMs = 5000;
  undrained = [];
  logins = new Logins({
    sessions,
    emit: (event) => void events.push(event),
    onSession: (session) => void begun.push(session),
    sourceOf: (key, { isAccepted, authority }) =>
      authority === AUTHORITY ? "the authority's" : key === KEY ? "AUTHORIZED_KEYS" : isAccepted ? "home" : undefined,
    startOf: (pid) => processes.get(pid),
    drain: () => {
      for (const record of undrained.splice(0)) say(record);
    },
    now: () => NOW + nowMs,
    elapsedMs: () => nowMs,
  });
});
afterEach(() => void vi.useRealTimers());

function say(record: string, pid = PID): void {
  const log = parseSshdRecord(`${record}\r\n`);
  if (log.type === "listening" || log.type === "unbound" || log.type === "restarting") throw new Error("no login");
  logins.take(log, pid);
}
const accept = (from = FROM, pid = PID) => say(`Accepted publickey for root from ${from} ssh2: ED25519 ${KEY}`, pid);
const shown = () => events.filter((event) => event.type !== "sshd");

describe("a session is told at its begin and at its end", () => {
  test("with user, address, key, that key's source, and how long it was", () => {
    accept();
    nowMs += 61_250;
    say(`Disconnected from user root ${FROM}`);
    const person = { user: "root", ...here };
    expect(events).toEqual([
      { type: "accepted", ...person, key: KEY, source: "AUTHORIZED_KEYS" },
      { type: "disconnected", ...person, login: { key: KEY, source: "AUTHORIZED_KEYS", durationMs: 61_250 } },
    ]);
  });

  test("and stands in the table until then, by the wall's clock for people and by one that nobody sets for its length", () => {
    accept();
    const times = { sinceMs: NOW + 5000, beganMs: 5000 };
    const session = {
      user: "root",
      ...here,
      pid: PID,
      startTicks: "1000",
      key: KEY,
      source: "AUTHORIZED_KEYS",
      ...times,
    };
    expect(sessions.list()).toEqual([session]);
    expect(begun).toEqual([session]);
    expect(begun[0]).toBe(sessions.list()[0]);
    say(`Disconnected from user root ${FROM}`);
    expect(sessions.list()).toEqual([]);
  });

  test("of a certificate the source is its authority's", () => {
    say(`Accepted publickey for root from ${FROM} ssh2: ED25519-CERT ${KEY} ID a (serial 0) CA ED25519 ${AUTHORITY}`);
    expect(events).toMatchObject([{ type: "accepted", key: KEY, authority: AUTHORITY, source: "the authority's" }]);
  });

  test("one that was cut off ends once, with its user", () => {
    accept();
    say(`Connection closed by ${FROM}`);
    say(`Closing connection to ${FROM}`);
    expect(shown()).toMatchObject([{ type: "accepted" }, { type: "disconnected", user: "root", login: { key: KEY } }]);
  });

  test("one that says goodbye ends once", () => {
    accept();
    say(`Disconnected from user root ${FROM}`);
    say(`Closing connection to ${FROM}`);
    expect(shown().map(({ type }) => type)).toEqual(["accepted", "disconnected"]);
  });

  test("one whose process was killed ends when it is seen to be gone, and no sooner", () => {
    accept();
    vi.advanceTimersByTime(3 * SWEEP_MS);
    expect(events).toHaveLength(1);
    // The pid is another's by now.
    processes.set(PID, "2000");
    vi.advanceTimersByTime(SWEEP_MS);
    expect(events.slice(1)).toMatchObject([
      { type: "disconnected", user: "root", login: { key: KEY }, why: "its process is gone, sshd said nothing" },
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("what sshd did say counts, though it was read after the process was gone", () => {
    accept();
    processes.delete(PID);
    undrained.push(`Disconnected from user root ${FROM}`);
    vi.advanceTimersByTime(SWEEP_MS);
    expect(events.slice(1)).toHaveLength(1);
    expect(events[1]).not.toHaveProperty("why");
  });

  test("one on the same address and port ends the one before", () => {
    accept();
    accept();
    expect(events.map(({ type }) => type)).toEqual(["accepted", "disconnected", "accepted"]);
    expect(sessions.list()).toHaveLength(1);
  });

  test("an end is told also where the begin was lost", () => {
    say(`Disconnected from user root ${FROM}`);
    expect(events).toEqual([{ type: "disconnected", user: "root", ...here }]);
  });
});

describe("a refusal is told once a connection", () => {
  test("with the keys that were tried, once each, and which of them is known", () => {
    for (const key of [KEY, OTHER, KEY]) say(`Failed publickey for root from ${FROM} ssh2: ED25519 ${key}`);
    say(`Connection closed by authenticating user root ${FROM} [preauth]`);
    say(`Connection closed by authenticating user root 127.0.0.1 port 1 [preauth]`);
    const why = "no key that is allowed";
    expect(events).toMatchObject([
      { type: "refused", user: "root", why, offered: [{ key: KEY, source: "AUTHORIZED_KEYS" }, { key: OTHER }] },
      { type: "refused", user: "root", why, offered: [] },
    ]);
  });

  test.each([
    ["a key", `Failed publickey for root from ${FROM} ssh2: ED25519 ${OTHER}`, "root"],
    ["a name that is no user", `Invalid user mallory from ${FROM}`, "mallory"],
  ])("also of who tried %s and then waited until the time was up", (_, record, user) => {
    say(record);
    processes.delete(PID);
    vi.advanceTimersByTime(SWEEP_MS);
    expect(events).toMatchObject([
      { type: "refused", user, ...here, why: "no key that is allowed, until the connection ended" },
    ]);
  });

  test("also of who was gone before the record of the try was read; without the kernel's word nobody is called gone", () => {
    say(`Invalid user mallory from ${FROM}`, PID + 1);
    say("Invalid user eve from 10.0.0.1 port 7", 0);
    vi.advanceTimersByTime(2 * SWEEP_MS);
    expect(events).toMatchObject([{ type: "refused", user: "mallory" }]);
  });

  test("and not of who got in after all", () => {
    say(`Failed publickey for root from ${FROM} ssh2: ED25519 ${OTHER}`);
    accept();
    say(`Disconnected from user root ${FROM}`);
    expect(shown().map(({ type }) => type)).toEqual(["accepted", "disconnected"]);
  });

  test("and not of a bare connect", () => {
    say(`Connection from ${FROM} on 127.0.0.1 port 22`);
    say(`Connection closed by ${FROM}`);
    expect(events.every((event) => event.type === "sshd" && event.level === "debug")).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

test("strangers who never end push out no session, and are told before they are forgotten", () => {
  accept();
  for (let port = 1; port <= 3000; port += 1) {
    say(`Failed publickey for root from 10.0.0.1 port ${port} ssh2: ED25519 ${OTHER}`);
  }
  const refused = events.filter(({ type }) => type === "refused");
  expect(refused).toHaveLength(2000);
  say("Connection closed by authenticating user root 10.0.0.1 port 3000 [preauth]");
  expect(events.at(-1)).toMatchObject({ type: "refused", offered: [{ key: OTHER }] });
  say(`Connection closed by ${FROM}`);
  expect(events.at(-1)).toMatchObject({ type: "disconnected", login: { key: KEY } });
});

test("at the close it tells what is over and what it only counted, and keeps no timer", () => {
  accept();
  for (let port = 1; port <= 7; port += 1) {
    say(`Connection closed by authenticating user root 10.0.0.1 port ${port} [preauth]`);
  }
  processes.delete(PID);
  logins.close();
  expect(events.slice(-2)).toMatchObject([{ type: "disconnected" }, { type: "repeated", count: 2 }]);
  expect(vi.getTimerCount()).toBe(0);
});
