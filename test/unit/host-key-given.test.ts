import { expect, test } from "vitest";
import { restoreGivenHostKeys, splitHostKeys } from "../../src/host-key-given.ts";
import { createFakeHost } from "../support/fake-host.ts";
import { storedKeys } from "../support/host-key-world.ts";

const NAME = "WITHSSH_HOST_KEYS";
const TEXTS = Object.entries(storedKeys())
  .filter(([path]) => path.endsWith("_key"))
  .map(([, seed]) =>
    typeof seed === "string" ? seed : new TextDecoder().decode((seed as { bytes: Uint8Array }).bytes),
  );
const ALL = TEXTS.join("");

async function restore(text: string) {
  const host = createFakeHost({ files: { "/private/": {} } });
  const tools = { host, keygen: undefined, privateDir: host.openDir("test", "/private") };
  const identity = await restoreGivenHostKeys(tools, NAME, Buffer.from(text));
  return { host, identity, types: "keys" in identity ? identity.keys.map((key) => key.type) : identity.problem };
}

test.each([
  ["as it is", ALL],
  ["with CR LF", ALL.replaceAll("\n", "\r\n")],
  ["indented, as YAML may leave it", ALL.replaceAll(/^/gm, "  ")],
  ["with literal \\n", ALL.trim().replaceAll("\n", "\\n")],
  ["as base64", Buffer.from(ALL).toString("base64")],
  ["as base64 in lines", Buffer.from(ALL).toString("base64").replaceAll(/.{76}/g, "$&\n")],
])("each key counts %s, byte for byte what sshd reads, and no other is to be made", async (_name, text) => {
  const { identity, host } = await restore(text);
  if (!("keys" in identity)) throw new Error(identity.problem.what);
  expect(identity.keys.map((key) => Buffer.from(key.privateBytes).toString()).toSorted()).toEqual(TEXTS.toSorted());
  expect(identity).toMatchObject({ missing: [], inMemory: false });
  expect(host.events).toMatchObject([{ type: "host keys", where: NAME, made: [] }]);
  expect(host.mutations()).toBe(0);
});

test("a bad or a second key of a type is told by its place, never shown, and the good ones serve", async () => {
  const [first = ""] = TEXTS;
  const torn = first.replace(/\n([A-Za-z0-9+/]{60})/, "\nAAAA$1");
  const { types, host } = await restore(`${ALL}${torn}${first}`);
  expect(types).toHaveLength(TEXTS.length);
  const told = host.events.filter(({ type }) => type === "host key refused");
  expect(told).toMatchObject([{ path: NAME }, { path: NAME, problem: { saw: expect.stringContaining("a second") } }]);
  expect(JSON.stringify(host.events)).not.toContain(first.split("\n")[2]);
});

test("with nothing usable there is a problem and no identity", async () => {
  for (const text of ["junk", "", "ssh-ed25519 AAAA", Buffer.from("junk").toString("base64")]) {
    expect((await restore(text)).types).toMatchObject({ what: `${NAME} holds no private key` });
  }
});

test("certificates are found beside the keys", () => {
  const line = "ssh-ed25519-cert-v01@openssh.com AAAAIHNz";
  expect(splitHostKeys(`${ALL}${line} comment\n`).certificates).toEqual([`${line}\n`]);
});
