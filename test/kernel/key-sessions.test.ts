/** Ending the sessions of a key that is gone, with real processes in the place of sessions. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, expect, test } from "vitest";
import type { Event } from "../../src/events.ts";
import { KeySessions, REVOKE_AFTER_MS } from "../../src/key-sessions.ts";
import { Sessions } from "../../src/sessions.ts";

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

/** A login as the table of open sessions has it. */
const login = (pid: number, user: string, key: string) =>
  new Sessions().accepted(pid, { user, address: "127.0.0.1", port: 1, key }, 0);

/** Sessions under keys that the test takes away and gives back. */
function watchKeys(...keys: readonly string[]) {
  const events: Event[] = [];
  const now = { fingerprints: new Set(keys), isClean: true };
  const sessions = new KeySessions(
    (event) => events.push(event),
    () => ({ fingerprints: new Set(now.fingerprints), isClean: now.isClean }),
  );
  return { events, now, sessions };
}

test("a login whose process nobody named, or that is over already, is told as unknown and not guessed", async () => {
  const { events, sessions } = watchKeys("A");
  const over = startSession();
  started.at(-1)?.kill("SIGKILL");
  await over.ended;
  sessions.accepted(login(0, "root", "A"));
  sessions.accepted(login(over.pid, "app", "A"));
  expect(events).toEqual([
    { type: "session unknown", user: "root", key: "A" },
    { type: "session unknown", user: "app", key: "A" },
  ]);
});

test("five seconds after its key is gone a session ends, also one that was told late, and nobody else's", async () => {
  const { events, now, sessions } = watchKeys("A", "B", "C");
  const [his, late, others, foreign, back] = Array.from({ length: 5 }, startSession);
  if (!his || !late || !others || !foreign || !back) throw new Error("no sessions");
  sessions.accepted(login(his.pid, "root", "A"));
  sessions.accepted(login(others.pid, "root", "B"));
  sessions.accepted(login(back.pid, "root", "C"));
  // A certificate, or a key of the home: not ours to take away.
  sessions.accepted(login(foreign.pid, "root", "not ours"));
  now.fingerprints = new Set(["B"]);
  sessions.keysChanged();
  // sshd has let it in before the file was another, and its word comes after.
  sessions.accepted(login(late.pid, "app", "A"));
  now.fingerprints = new Set(["B", "C"]);
  sessions.keysChanged();
  for (const ended of await Promise.all([his.ended, late.ended])) expect(ended).toBeGreaterThanOrEqual(REVOKE_AFTER_MS);
  expect([others, foreign, back].map((one) => one.isAlive())).toEqual([true, true, true]);
  expect(events).toEqual([
    { type: "session ended", user: "root", key: "A" },
    { type: "session ended", user: "app", key: "A" },
  ]);
}, 20_000);

test("while a source cannot be read nobody is taken for gone", async () => {
  const [unclean, clean] = [watchKeys("A"), watchKeys("A")];
  const [his, marker] = [startSession(), startSession()];
  unclean.sessions.accepted(login(his.pid, "root", "A"));
  clean.sessions.accepted(login(marker.pid, "root", "A"));
  unclean.now.isClean = false;
  for (const { now, sessions } of [unclean, clean]) {
    now.fingerprints = new Set();
    sessions.keysChanged();
  }
  // What ends this one comes after what would have ended that one.
  await marker.ended;
  expect({ events: unclean.events, isAlive: his.isAlive() }).toEqual({ events: [], isAlive: true });
  unclean.now.isClean = true;
  expect(await his.ended).toBeGreaterThanOrEqual(2 * REVOKE_AFTER_MS);
}, 30_000);
