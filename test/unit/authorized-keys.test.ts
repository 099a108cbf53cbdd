import { expect, test } from "vitest";
import type { KeySource } from "../../src/authorized-keys.ts";
import { collectAuthorizedKeys, removeOtherAuthorizedKeys, writeAuthorizedKeys } from "../../src/authorized-keys.ts";
import { splitKeyText } from "../../src/key-text.ts";
import { createFakeHost } from "../support/fake-host.ts";
import { SAMPLE_KEYS } from "../support/sample-keys.ts";

const A = SAMPLE_KEYS.ed25519;
const B = SAMPLE_KEYS.rsa2048;
const HEADER = "# written by withssh, do not edit: changes here are lost\n";

const source = (name: string, text: string, users?: string[]): KeySource => ({
  name,
  lines: splitKeyText(text),
  ...(users === undefined ? {} : { users }),
});

test("all sources are merged, each key once, and every key knows where it came from", () => {
  const other = A.line.replace("person1@example", "somebody else");
  const collected = collectAuthorizedKeys(["app"], [source("ENV", `${A.line}\n${B.line}`), source("/file", other)]);
  expect(collected.files).toEqual(new Map([["app", `${HEADER}${A.line}\n${B.line}\n`]]));
  expect(collected.keys).toEqual([
    {
      type: "ssh-ed25519",
      fingerprint: A.fingerprint,
      comment: "person1@example",
      options: false,
      sources: ["ENV", "/file"],
    },
    { type: "ssh-rsa", fingerprint: B.fingerprint, comment: "rsa@example", options: false, sources: ["ENV"] },
  ]);
  expect(collected.events).toEqual([{ type: "keys", count: 2, users: ["app"], sources: { ENV: 2, "/file": 1 } }]);
  expect(collected.problem).toBeUndefined();
});

test("a bad line is told with source, number and hint, and good lines beside it count", () => {
  const collected = collectAuthorizedKeys(["app"], [source("ENV", `${A.line}\nnull\n${B.line}`)]);
  expect(collected.keys).toHaveLength(2);
  expect(collected.events[0]).toEqual({
    type: "key line refused",
    source: "ENV",
    line: 2,
    reason: "an empty value spelled as a word — hint: set the variable, or leave it out",
  });
});

test("a good key in doubt is told and does not count", () => {
  const collected = collectAuthorizedKeys(["app"], [source("ENV", `${A.line} # ${B.line}`)]);
  expect(collected.keys.map((key) => key.fingerprint)).toEqual([A.fingerprint]);
  expect(collected.events[0]).toMatchObject({ type: "key line refused", line: 2 });
});

test("a source decides only about the users it may decide about", () => {
  const sources = [source("ENV", A.line), source("/file", B.line, ["app"])];
  const { files } = collectAuthorizedKeys(["root", "app"], sources);
  expect(files.get("root")).toBe(`${HEADER}${A.line}\n`);
  expect(files.get("app")).toBe(`${HEADER}${A.line}\n${B.line}\n`);
});

test("a forced command is not undone by the same key given bare, whatever the order, and the case is warned about", () => {
  const forced = `command="true" ${A.line}`;
  const collected = collectAuthorizedKeys(["app"], [source("ENV", A.line), source("/file", forced)]);
  expect(collected.files.get("app")).toBe(`${HEADER}${forced}\n${A.line}\n`);
  expect(collected.events[0]).toMatchObject({
    type: "warning",
    problem: { what: expect.stringContaining(A.fingerprint), saw: "ENV, /file" },
  });
});

test("one key as CA and as itself is two things and no news", () => {
  const collected = collectAuthorizedKeys(["app"], [source("ENV", `${A.line}\ncert-authority ${A.line}`)]);
  expect(collected.files.get("app")).toContain(`\ncert-authority ${A.line}\n${A.line}\n`);
  expect(collected.events.map((event) => event.type)).toEqual(["keys"]);
});

test("no key at all is a problem that says how to give one", () => {
  const { problem, files } = collectAuthorizedKeys(["app"], [source("ENV", "# none")]);
  expect(problem?.hint).toContain("AUTHORIZED_KEYS");
  expect(files.get("app")).toBe(HEADER);
});

test("no event holds a key body or an option", () => {
  const text = `command="s3cr3t" ${A.line}\n${A.line}\ncommand="s3cr3t ${B.line}\nssh-rsa s3cr3t`;
  const { events, keys } = collectAuthorizedKeys(["app"], [source("ENV", text)]);
  expect(events).toHaveLength(4);
  expect(JSON.stringify([events, keys])).not.toMatch(/s3cr3t|AAAA/);
});

test("a user's file is replaced in one step, readable and ours", () => {
  const host = createFakeHost({ files: { "/run/withssh/keys/app": "old" } });
  writeAuthorizedKeys(host, "/run/withssh/keys", "app", "new");
  expect(host.snapshot("/run/withssh/keys")).toEqual({ "/run/withssh/keys/app": "file 0644 0:0 new" });
  expect(host.calls.filter((call) => call.mutates).map((call) => call.call)).toEqual(["create", "rename"]);
  expect(host.openDirs()).toEqual([]);
});

test("a failed write leaves the old keys in force and nothing half-written", () => {
  const host = createFakeHost({ files: { "/run/withssh/keys/app": "old" } });
  host.failOn({ call: "rename" }, 1, "ENOSPC");
  expect(() => writeAuthorizedKeys(host, "/run/withssh/keys", "app", "new")).toThrow("ENOSPC");
  expect(host.snapshot("/run/withssh/keys")).toEqual({ "/run/withssh/keys/app": "file 0644 0:0 old" });
  expect(host.openDirs()).toEqual([]);
});

test("a user that is no longer named keeps no file", () => {
  const host = createFakeHost({ files: { "/k/app": "x", "/k/root": "x", "/k/.app.torn": "x" } });
  removeOtherAuthorizedKeys(host, "/k", ["app"]);
  expect(Object.keys(host.snapshot("/k"))).toEqual(["/k/app"]);
});

test("of a foreign file the first twenty lines are told, and how many more there are", () => {
  const { events, keys } = collectAuthorizedKeys(["app"], [source("ENV", `${"junk\n".repeat(50)}${A.line}`)]);
  expect(keys).toHaveLength(1);
  expect(events.filter(({ type }) => type === "key line refused")).toHaveLength(20);
  expect(events).toContainEqual({
    type: "warning",
    problem: { what: "30 more lines of ENV are no keys", hint: "is it the right file?" },
  });
});
