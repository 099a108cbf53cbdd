import { expect, test } from "vitest";
import type { Account } from "../../src/accounts.ts";
import { parseConfig } from "../../src/config.ts";
import { type LastGood, readKeySources } from "../../src/key-sources.ts";
import { createFakeHost, type FakeHost } from "../support/fake-host.ts";
import type { Seed } from "../support/fake-tree.ts";
import { SAMPLE_KEYS } from "../support/sample-keys.ts";

const [A, B] = [SAMPLE_KEYS.ed25519.line, SAMPLE_KEYS.ed25519Second.line];
const FILE = "/volume/.ssh/authorized_keys";

const account = (name: string, uid: number): Account => ({
  name,
  uid,
  gid: uid,
  home: `/home/${name}`,
  shell: "/bin/sh",
  problems: [],
  warnings: [],
  repairs: [],
});
const ROOT = account("root", 0);
const APP = account("app", 1000);
const world = (files: Record<string, Seed> = {}) => createFakeHost({ files: { "/volume/": { mount: {} }, ...files } });

/** Name → what it gives, and to whom. */
function read(
  host: FakeHost,
  env: Record<string, string>,
  accounts: readonly Account[] = [ROOT],
  lastGood: LastGood = new Map(),
) {
  const { config } = parseConfig(new Map(Object.entries(env)));
  const { sources, isClean } = readKeySources(host, config, accounts, lastGood);
  const found = Object.fromEntries(
    sources.map((source) => [source.name, [[...source.lines].flatMap(({ line }) => line || []), source.users]]),
  );
  return { found, isClean };
}
test("what somebody without root says decides for his own logins alone", () => {
  const files = { "/keys": { text: B, mode: 0o644 } };
  const caller = { uid: 1000, imageSettings: ["AUTHORIZED_KEYS"] };
  const host = createFakeHost({ files, caller });
  const env = { AUTHORIZED_KEYS: A, WITHSSH_KEY_VARIABLES: "MINE", MINE: B, AUTHORIZED_KEYS_FILE: "/keys" };
  const { found } = read(host, env, [ROOT, APP]);
  expect(found).toEqual({ AUTHORIZED_KEYS: [[A], undefined], MINE: [[B], ["app"]], "/keys": [[B], ["app"]] });
});

const failures = (host: FakeHost) =>
  host.events.flatMap((event) => (event.type === "source failed" ? [`${event.source}: ${event.problem.what}`] : []));

test("variables decide for everyone, each under its own name", () => {
  const env = { AUTHORIZED_KEYS: A, WITHSSH_KEY_VARIABLES: "PUBLIC_KEY", PUBLIC_KEY: B };
  expect(read(world(), env)).toEqual({
    found: { AUTHORIZED_KEYS: [[A], undefined], PUBLIC_KEY: [[B], undefined] },
    isClean: true,
  });
});

test("the volume's file counts without being named, and its absence is nothing", () => {
  const host = world({ [FILE]: `${A}\n` });
  expect(read(host, {}).found).toEqual({ [FILE]: [[A], ["root"]] });
  const none = world();
  expect([read(none, {}), failures(none)]).toEqual([{ found: {}, isClean: true }, []]);
});

test("a file that the operator named and that is not there is a failed source, told once", () => {
  const host = world();
  expect(read(host, { AUTHORIZED_KEYS: A, AUTHORIZED_KEYS_FILE: "/keys" }, [ROOT, APP])).toEqual({
    found: { AUTHORIZED_KEYS: [[A], undefined] },
    isClean: false,
  });
  expect(failures(host)).toEqual(["/keys: /keys is not there"]);
});

test("a file decides only for those whom it could not have been forged against", () => {
  const host = world({ [FILE]: { text: `${A}\n`, uid: 1000 } });
  expect(read(host, {}, [ROOT, APP]).found).toEqual({ [FILE]: [[A], ["app"]] });
  expect(failures(host)).toEqual([expect.stringContaining("belongs to somebody else than root")]);
});

test("a file that can no longer be read keeps what it gave last, and takes nothing from the others", () => {
  const host = world({ [FILE]: `${A}\n` });
  const lastGood: LastGood = new Map();
  read(host, {}, [ROOT], lastGood);
  host.put(FILE, { text: `${B}\n`, mode: 0o666 });
  expect(read(host, { AUTHORIZED_KEYS: B }, [ROOT], lastGood)).toEqual({
    found: { AUTHORIZED_KEYS: [[B], undefined], [FILE]: [[A], ["root"]] },
    isClean: false,
  });
});

test("a file that has been taken away gives nothing more: that is a cleanly read source", () => {
  const host = world({ [FILE]: `${A}\n` });
  const lastGood: LastGood = new Map();
  read(host, {}, [ROOT], lastGood);
  host.delete(FILE);
  expect(read(host, {}, [ROOT], lastGood)).toEqual({ found: {}, isClean: true });
});
