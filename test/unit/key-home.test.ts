import { expect, test } from "vitest";
import type { Account } from "../../src/accounts.ts";
import { renderEvent } from "../../src/events.ts";
import { warnOfHomeKeys } from "../../src/key-home.ts";
import { createFakeHost } from "../support/fake-host.ts";
import { SAMPLE_KEYS } from "../support/sample-keys.ts";

const A = SAMPLE_KEYS.ed25519;

const account = (name: string, home: string): Account => ({
  name,
  uid: 1000,
  gid: 1000,
  home,
  shell: "/bin/sh",
  problems: [],
  warnings: [],
  repairs: [],
});

const messages = (files: NonNullable<NonNullable<Parameters<typeof createFakeHost>[0]>["files"]>) => {
  const host = createFakeHost({ files });
  warnOfHomeKeys(host, [account("app", "/home/app"), account("other", "/home/other")], new Map());
  return host.events.map((event) => renderEvent(event).msg);
};

test("keys in a home that do not count are told with path, fingerprint and the switch, never their text", () => {
  const [message = "", ...more] = messages({ "/home/app/.ssh/authorized_keys": `${A.line}\nnonsense\n` });
  expect(more).toEqual([]);
  expect(message).toContain("/home/app/.ssh/authorized_keys");
  expect(message).toContain(A.fingerprint);
  expect(message).toContain("WITHSSH_HOME_KEYS=true");
  expect(message).not.toContain(A.line.split(" ")[1]);
});

test("a home without keys, or with a file that has none, is not news", () => {
  expect(messages({ "/home/app/.ssh/authorized_keys": "# nobody\n", "/home/other/x": "" })).toEqual([]);
});

test("a key that counts by another way is not called one that does not", () => {
  const host = createFakeHost({ files: { "/home/app/.ssh/authorized_keys": `${A.line}\n` } });
  warnOfHomeKeys(host, [account("app", "/home/app")], new Map([["app", `# from somewhere\n${A.line}\n`]]));
  expect(host.events).toEqual([]);
  warnOfHomeKeys(host, [account("app", "/home/app")], new Map([["other", `${A.line}\n`]]));
  expect(host.events).toHaveLength(1);
});

test("a link in the place of the file is not followed", () => {
  const link = { "/root/keys": `${A.line}\n`, "/home/app/.ssh/authorized_keys": { link: "/root/keys" } };
  expect(messages(link)).toEqual([]);
});
