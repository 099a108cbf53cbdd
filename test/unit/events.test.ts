import { describe, expect, test } from "vitest";
import type { Event } from "../../src/events.ts";
import { renderEvent } from "../../src/events.ts";

const problem = { what: "w", saw: "s", hint: "h" };
const SAMPLES: { readonly [T in Event["type"]]: Extract<Event, { type: T }> } = {
  "ssh ready": {
    type: "ssh ready",
    mode: "root",
    port: 2222,
    users: ["app"],
    hostKeys: [{ type: "ssh-ed25519", fingerprint: "SHA256:x" }],
    hostKeysPending: ["rsa"],
    knownHosts: "host ssh-ed25519 AAAA",
    knownHostsExact: true,
  },
  "ssh down": { type: "ssh down", problem },
  "host keys": {
    type: "host keys",
    restored: ["rsa"],
    made: [],
    adopted: [],
    where: "/volume/.ssh",
    appWritable: "/volume",
  },
  "host key refused": { type: "host key refused", path: "/p", problem },
  keys: { type: "keys", count: 1, users: ["app"], sources: { AUTHORIZED_KEYS: 1 } },
  "key line refused": { type: "key line refused", source: "/f", line: 3, reason: "r" },
  "source failed": { type: "source failed", source: "/f", problem },
  "config line left out": { type: "config line left out", lines: ["f:1 Port"] },
  warning: { type: "warning", problem },
  "volume not mounted": { type: "volume not mounted", problem },
  "sshd exited": { type: "sshd exited", status: "signal 9", restartInMs: 80 },
  accepted: {
    type: "accepted",
    user: "app",
    address: "::1",
    port: 1,
    key: "SHA256:x",
    authority: "SHA256:c",
    source: "AUTHORIZED_KEYS",
  },
  refused: {
    type: "refused",
    user: "app",
    address: "::1",
    port: 1,
    why: "no key",
    offered: [{ key: "SHA256:z", source: "/f" }],
  },
  disconnected: {
    type: "disconnected",
    user: "app",
    address: "::1",
    port: 1,
    login: { key: "SHA256:x", source: "AUTHORIZED_KEYS", durationMs: 1234 },
    why: "gone",
  },
  repeated: { type: "repeated", what: "refused", level: "info", address: "::1", count: 7, seconds: 60, samples: ["x"] },
  sshd: { type: "sshd", level: "warn", text: "t" },
  "log lost": { type: "log lost", count: 7 },
  "sshd log full": { type: "sshd log full" },
  "refused start": { type: "refused start", text: "t" },
  debug: { type: "debug", text: "t" },
  "account refused": { type: "account refused", user: "app", problem },
  "host key joined": { type: "host key joined", hostKey: { type: "ssh-rsa", fingerprint: "SHA256:y" } },
  "keys changed": { type: "keys changed", count: 2, added: ["SHA256:a"], removed: ["SHA256:r"] },
  "host keys changed": { type: "host keys changed", hostKeys: [{ type: "ssh-rsa", fingerprint: "SHA256:y" }] },
  "config changed": { type: "config changed" },
  "session ended": { type: "session ended", user: "app", key: "SHA256:x" },
  "session unknown": { type: "session unknown", user: "app", key: "SHA256:x" },
  "change refused": { type: "change refused", problem },
  "call refused": { type: "call refused", count: 2 },
  "app ended": { type: "app ended" },
  stopping: { type: "stopping", why: "SIGTERM" },
  stage: { type: "stage", stage: "findPrograms", ms: 1.5 },
};

describe("every event", () => {
  test.each(Object.values(SAMPLES).map((event) => [event.type, event] as const))(
    "%s: words, a level, and every fact that it has",
    (type, event) => {
      const { level, msg, fields } = renderEvent(event);
      expect(["debug", "info", "warn", "error"]).toContain(level);
      expect(msg).toMatch(/^\S.*\S$|^\S$/);
      // A field named as pino's own would hide it.
      for (const name of Object.keys(fields)) expect(["level", "time", "msg", "pid", "hostname"]).not.toContain(name);
      const line = JSON.stringify({ level, msg, fields });
      const { type: _, ...facts } = event;
      for (const fact of Object.values(facts).flatMap(leavesOf)) expect(line, type).toContain(fact);
    },
  );
});

const leavesOf = (value: unknown): string[] =>
  typeof value === "object" && value !== null ? Object.values(value).flatMap(leavesOf) : [String(value)];

test("what people and tests wait for is at info, what takes SSH down at error, what a port scan causes at no level of its own", () => {
  const level = (type: Event["type"]) => renderEvent(SAMPLES[type]).level;
  expect([level("ssh ready"), level("accepted"), level("keys"), level("host keys")]).toEqual([
    "info",
    "info",
    "info",
    "info",
  ]);
  expect([level("ssh down"), level("source failed"), level("account refused"), level("sshd exited")]).toEqual([
    "error",
    "error",
    "error",
    "error",
  ]);
  expect([level("stage"), level("debug")]).toEqual(["debug", "debug"]);
  expect(renderEvent({ ...SAMPLES.refused, isRepeat: true }).level).toBe("debug");
});

test("a problem is told as what, saw and hint in one line", () => {
  expect(renderEvent(SAMPLES.warning).msg).toBe("w — saw s — hint: h");
  expect(renderEvent(SAMPLES["ssh down"]).msg).toBe("ssh is down: w — saw s — hint: h");
});
