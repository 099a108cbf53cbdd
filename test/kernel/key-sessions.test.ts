/** Ending the sessions of a key that is gone, with real processes in the place of sessions. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, expect, test } from "vitest";
import type { Event } from "../../src/events.ts";
import { KeySessions, REVOKE_AFTER_MS } from "../../src/key-sessions.ts";
import { readStartTicks } from "../../src/process-stat.ts";
import { type Session, Sessions } from "../../src/sessions.ts";

const started: ChildProcess[] = [];
afterAll(() => {
  for (const child of started) child.kill("SIGKILL");
});

/** A shell with a job below it: what a session looks like. */
function startSession(): { readonly pid: number; readonly ended: Promise<number>; isAlive: () => boolean } {
  const began = Date.now();
  const child = spawn("/bin/sh", ["-c", "sleep 1000 & wait"], { stdio: "ignore" });
  started.push(child);
  const ended = once(child, "exit").then(() => Date.now() - began);
  return { pid: child.pid ?? 0, ended, isAlive: () => child.exitCode === null && child.signalCode === null };
}

/** A login as the table of open sessions has it; each is of a client of its own. */
function login(pid: number, user: string, key: string): Session {
  ports += 1;
  const startTicks = pid === 0 ? undefined : readStartTicks(pid);
  return { user, address: "127.0.0.1", port: ports, key, pid, startTicks, sinceMs: 0, beganMs: 0 };
}
let ports = 0;

/** Sessions under keys that the test takes away and gives back. */
function watchKeys(...keys: readonly string[]) {
  const events: Event[] = [];
  const now = { fingerprints: new Set(keys), isClean: true };
  const table = new Sessions();
  const keySessions = new KeySessions(
    table,
    (event) => events.push(event),
    () => ({ fingerprints: new Set(now.fingerprints), isClean: now.isClean }),
  );
  const accept = (session: Session) => {
    table.add(session);
    keySessions.accepted(session);
  };
  return { events, now, table, accept, keysChanged: () => keySessions.keysChanged() };
}

test("a login whose process nobody named, or that is over already, is told as unknown and not guessed", async () => {
  const { events, accept } = watchKeys("A");
  const over = startSession();
  started.at(-1)?.kill("SIGKILL");
  await over.ended;
  accept(login(0, "root", "A"));
  accept(login(over.pid, "app", "A"));
  expect(events).toEqual([
    { type: "session unknown", user: "root", key: "A" },
    { type: "session unknown", user: "app", key: "A" },
  ]);
});

test("five seconds after its key is gone a session ends, also one that was told late, and nobody else's", async () => {
  const { events, now, table, accept, keysChanged } = watchKeys("A", "B", "C");
  const [his, told, late, others, foreign, back] = Array.from({ length: 6 }, startSession);
  if (!his || !told || !late || !others || !foreign || !back) throw new Error("no sessions");
  accept(login(his.pid, "root", "A"));
  // In the log another connection of its client has ended it: it goes on, and so it ends with its key.
  const goesOn = login(told.pid, "told", "A");
  accept(goesOn);
  table.end(goesOn);
  accept(login(others.pid, "root", "B"));
  accept(login(back.pid, "root", "C"));
  // A certificate, or a key of the home: not ours to take away.
  accept(login(foreign.pid, "root", "not ours"));
  now.fingerprints = new Set(["B"]);
  keysChanged();
  // sshd has let it in before the file was another, and its word comes after.
  accept(login(late.pid, "app", "A"));
  now.fingerprints = new Set(["B", "C"]);
  keysChanged();
  for (const ended of await Promise.all([his.ended, told.ended, late.ended]))
    expect(ended).toBeGreaterThanOrEqual(REVOKE_AFTER_MS);
  expect([others, foreign, back].map((one) => one.isAlive())).toEqual([true, true, true]);
  expect(events).toEqual([
    { type: "session ended", user: "told", key: "A" },
    { type: "session ended", user: "root", key: "A" },
    { type: "session ended", user: "app", key: "A" },
  ]);
  expect(table.living().map(({ pid }) => pid)).toEqual([others, back, foreign].map(({ pid }) => pid));
}, 20_000);

test("while a source cannot be read nobody is taken for gone", async () => {
  const [unclean, clean] = [watchKeys("A"), watchKeys("A")];
  const [his, marker] = [startSession(), startSession()];
  unclean.accept(login(his.pid, "root", "A"));
  clean.accept(login(marker.pid, "root", "A"));
  unclean.now.isClean = false;
  for (const { now, keysChanged } of [unclean, clean]) {
    now.fingerprints = new Set();
    keysChanged();
  }
  // What ends this one comes after what would have ended that one.
  await marker.ended;
  expect({ events: unclean.events, isAlive: his.isAlive() }).toEqual({ events: [], isAlive: true });
  unclean.now.isClean = true;
  expect(await his.ended).toBeGreaterThanOrEqual(2 * REVOKE_AFTER_MS);
}, 30_000);
