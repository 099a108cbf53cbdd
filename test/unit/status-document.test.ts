import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { Plan } from "../../src/boot.ts";
import { parseConfig } from "../../src/config.ts";
import { describeHostKey } from "../../src/fingerprint.ts";
import type { Session } from "../../src/sessions.ts";
import { describeStatus, type StatusFacts } from "../../src/status-document.ts";
import { renderStatusTable } from "../../src/status-table.ts";
import { APP_UID, bootOn, createImage, OTHER, PERSON } from "../support/boot-world.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const session = (user: string, port: number): Session => ({
  user,
  address: "192.0.2.7",
  port,
  key: PERSON.fingerprint,
  source: "AUTHORIZED_KEYS",
  pid: 4000 + port,
  startTicks: "1",
  sinceMs: NOW - 1000,
  beganMs: 0,
});

let plan: Plan;
let facts: StatusFacts;

beforeAll(async () => {
  const environment = { AUTHORIZED_KEYS: `${PERSON.line}\n${OTHER.line}`, WITHSSH_USERS: "app,deploy" };
  const booted = await bootOn(createImage(), environment);
  if (booted.plan === undefined) throw booted.failure;
  plan = booted.plan;
  facts = {
    version: "0.1.0",
    mode: "root",
    config: parseConfig(new Map([["WITHSSH_PUBLIC_ADDRESS", "app.example:2022"]])).config,
    report: {
      ssh: "up",
      problem: undefined,
      sshd: { pid: 11, isListening: true, upMs: 61_000, restarts: 2, lastEnding: "signal 9" },
      plan,
      sessions: [session("app", 1), session("deploy", 2)],
    },
    problems: [{ level: "warn", text: "w", timeMs: NOW, count: 3 }],
    app: { pid: 1, uid: APP_UID, gid: APP_UID },
    pid: 7,
    uid: 0,
    upMs: 62_000,
    now: NOW,
    sshdStartTicks: "99",
  };
});

/** `a.b`, `a[].b`: each leaf of a document; a list of texts is a leaf. */
function fieldsOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return typeof value[0] === "object" ? fieldsOf(value[0], `${path}[]`) : [path];
  if (typeof value !== "object" || value === null || path === "public_address") return [path];
  return Object.entries(value).flatMap(([name, inner]) => fieldsOf(inner, path === "" ? name : `${path}.${name}`));
}

const typeOf = (value: unknown): string => {
  if (Array.isArray(value)) return "strings";
  return value === null ? "null" : typeof value;
};

test("docs/status.md describes exactly the fields of the document, with their types", () => {
  const page = readFileSync(new URL("../../docs/status.md", import.meta.url), "utf8");
  const section = page.split("\n## The document\n")[1]?.split("\n## ")[0] ?? "";
  const types = new Map<string, string>();
  for (const [, names = "", type = ""] of section.matchAll(/^\| (`.*?) \| ([^|]*) \|/gm)) {
    for (const [, name = ""] of names.matchAll(/`([^`]+)`/g)) types.set(name, type);
  }
  const document = { ...describeStatus(facts, 0), answered_by_uid: 0 };
  expect([...types.keys()].toSorted()).toEqual(fieldsOf(document).toSorted());
  for (const [name, type] of types) {
    const value = name
      .replace("[]", ".0")
      .split(".")
      .reduce<unknown>((at, part) => (at as Record<string, unknown>)?.[part], document);
    expect(type.split(" or "), name).toContain(typeOf(value));
  }
});

describe("sessions", () => {
  const WHOLE = { address: "192.0.2.7", key: PERSON.fingerprint, source: "AUTHORIZED_KEYS" };
  const HIDDEN = { address: null, port: null, key: null, source: null };

  test("root and the supervisor's own user hear all of them", () => {
    expect(describeStatus(facts, 0).sessions).toMatchObject([
      { user: "app", ...WHOLE },
      { user: "deploy", ...WHOLE },
    ]);
    const own = describeStatus({ ...facts, uid: 5000 }, 5000);
    expect(own.sessions).toMatchObject([WHOLE, WHOLE]);
  });

  test("somebody else hears where from and with which key only of his own", () => {
    expect(describeStatus(facts, APP_UID).sessions).toMatchObject([
      { user: "app", ...WHOLE },
      { user: "deploy", ...HIDDEN },
    ]);
    expect(JSON.stringify(describeStatus(facts, 65_534))).not.toContain("192.0.2.7");
  });
});

test("the document has no key body of a person, no private key and no variable", () => {
  const text = JSON.stringify(describeStatus(facts, 0));
  expect(text).not.toContain(PERSON.line.split(" ")[1]);
  expect(text).not.toContain("PRIVATE KEY");
});

test("while SSH is down for lack of a plan there is a document all the same, with the reason", () => {
  const report = { ...facts.report, ssh: "down" as const, problem: { what: "w", hint: "h" }, plan: undefined };
  const document = describeStatus({ ...facts, report: { ...report, sshd: undefined } }, 0);
  expect(document).toMatchObject({ ssh: "down", problem: "w — hint: h", keys: [], host_keys: [], users: [] });
  expect(document.sshd).toMatchObject({ pid: null, since: null, restarts: 0 });
  expect(renderStatusTable(document, 0)).toMatch(/^ssh +down: w — hint: h$/m);
});

describe("the table", () => {
  test("tells what the document tells, in aligned columns", () => {
    const table = renderStatusTable(describeStatus(facts, 0), 0);
    expect(table.split("\n").slice(0, 9)).toEqual([
      "ssh           up",
      "mode          root",
      "port          2222 on all addresses",
      "clients dial  app.example:2022",
      "users         app, deploy",
      "sshd          pid 11, OpenSSH 9.2, up 61 s",
      "restarts      2",
      "supervisor    pid 7, withssh 0.1.0, up 62 s",
      "identity      lasts beyond the container",
    ]);
    const shown = [...plan.identity.keys.map(describeHostKey), ...plan.keys.keys];
    for (const { fingerprint } of shown) expect(table).toContain(fingerprint);
    expect(table).toContain("sessions: 2\n  app     192.0.2.7 port 1  since 2026-01-02T03:04:04.000Z  SHA256:");
    expect(table).toMatch(/^ {2}2026-01-02T03:04:05\.000Z {2}warn {2}w \(3 times\)$/m);
  });

  test("says who could have forged it, and moves no cursor whatever is in it", () => {
    const document = { ...describeStatus(facts, 0), mode: "rootless\u001b[2J\u202e\n" } as never;
    const table = renderStatusTable(document, 1000);
    expect(table).toContain("uid 1000 answers, and could say anything");
    expect(table).toContain("rootless\\x1b[2J\\u{202e}\\x0a");
    expect(table).not.toContain("\u001b");
  });
});
