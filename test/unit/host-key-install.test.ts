/** Where sshd reads the keys from: only we can write there, and nothing planted under our names is followed. */
import { expect, test } from "vitest";
import { installHostKeys, installPublicHalves } from "../../src/host-key-install.ts";
import type { FakeHost } from "../support/fake-host.ts";
import { createWorld, good, PRIVATE, restoreIdentity, storedKeys } from "../support/host-key-world.ts";

const OWN = `${PRIVATE}/host-keys`;

async function installPrivate(host: FakeHost) {
  const { keys } = await restoreIdentity(host);
  const privateDir = host.openDir("open state", PRIVATE);
  const result = installHostKeys(host, { imageDir: "/etc/ssh", privateDir }, keys);
  privateDir.close();
  expect(host.openDirs()).toEqual([]);
  return { keys, result };
}

async function install(host: FakeHost) {
  const { keys, result } = await installPrivate(host);
  if (!("problem" in result)) installPublicHalves(host, result, keys);
  expect(host.openDirs()).toEqual([]);
  return result;
}
const paths = (dir: string) =>
  ["ed25519", "ecdsa", "rsa"].map((type) => ({
    type,
    directory: dir,
    path: `${dir}/ssh_host_${type}_key`,
    certificatePath: undefined,
  }));
const copies = (dir: string) =>
  Object.fromEntries(
    Object.entries(good).flatMap(([type, key]) => [
      [`${dir}/ssh_host_${type}_key`, `file 0600 0:0 ${key.text}`],
      [`${dir}/ssh_host_${type}_key.pub`, `file 0644 0:0 ${key.publicLine}\n`],
    ]),
  );

test("the copies go to /etc/ssh with modes that sshd accepts, over what the image baked there", async () => {
  const host = createWorld({ ...storedKeys(), "/etc/ssh/ssh_host_rsa_key": "baked", "/etc/ssh/ssh_host_dsa_key": "d" });
  expect(await install(host)).toEqual(paths("/etc/ssh"));
  expect(host.snapshot("/etc/ssh")).toEqual({ ...copies("/etc/ssh"), "/etc/ssh/ssh_host_dsa_key": "file 0644 0:0 d" });
});

test("odd owners and modes on the volume do not reach the copies", async () => {
  const host = createWorld(storedKeys());
  host.put("/volume/.ssh/ssh_host_rsa_key", { bytes: good.rsa.bytes, mode: 0o666, uid: 1000 });
  await install(host);
  expect(host.node("/etc/ssh/ssh_host_rsa_key")).toMatchObject({ mode: 0o600, uid: 0 });
  expect(host.node("/volume/.ssh/ssh_host_rsa_key")).toMatchObject({ mode: 0o666, uid: 1000 });
});

test("links planted under our names are replaced, and what they point at is untouched", async () => {
  const planted = ["ssh_host_rsa_key", "ssh_host_rsa_key.pub", ".ssh_host_rsa_key.new"];
  const links = Object.fromEntries(planted.map((name) => [`/etc/ssh/${name}`, { link: "/etc/shadow" }]));
  const host = createWorld({ ...storedKeys(), ...links, "/etc/shadow": "root:*" });
  expect(await install(host)).toEqual(paths("/etc/ssh"));
  expect(host.snapshot("/etc/ssh")).toEqual(copies("/etc/ssh"));
  expect(host.text("/etc/shadow")).toBe("root:*");
});

test.each<[string, (host: FakeHost) => void]>([
  ["is read-only", (host) => host.put("/etc/ssh/", { mount: { readOnly: true } })],
  ["is full", (host) => host.put("/etc/ssh/", { mount: { full: true } })],
  ["is not there", (host) => host.delete("/etc/ssh")],
  ["can be written by others", (host) => host.put("/etc/ssh/", { mode: 0o777 })],
  ["belongs to somebody else", (host) => host.put("/etc/ssh/", { uid: 1000 })],
  ["has a directory under a key's name", (host) => host.put("/etc/ssh/ssh_host_rsa_key/x", "x")],
])("when /etc/ssh %s the copies go to the state directory", async (_, prepare) => {
  const host = createWorld(storedKeys());
  prepare(host);
  expect(await install(host)).toEqual(paths(OWN));
  expect(host.snapshot(OWN)).toEqual(copies(OWN));
  expect(host.node(OWN)).toMatchObject({ mode: 0o700 });
  expect(Object.keys(host.snapshot("/etc/ssh")).filter((path) => path.endsWith(".new"))).toEqual([]);
});

test("in our own directory what belongs to types that we no longer have is removed", async () => {
  const stale = { [`${OWN}/ssh_host_rsa_key-cert.pub`]: "c", [`${OWN}/ssh_host_ecdsa_key`]: { link: "/etc/passwd" } };
  const host = createWorld({ ...storedKeys(), ...stale, "/etc/passwd": "root" });
  host.delete("/etc/ssh");
  await install(host);
  expect(host.snapshot(OWN)).toEqual(copies(OWN));
  expect(host.text("/etc/passwd")).toBe("root");
});

test("a public half that lies there goes before sshd can see it beside another key's private one", async () => {
  const host = createWorld({ ...storedKeys(), "/etc/ssh/ssh_host_rsa_key.pub": "baked" });
  await installPrivate(host);
  expect(Object.keys(host.snapshot("/etc/ssh")).filter((path) => path.endsWith(".pub"))).toEqual([]);
});

test.each<[string, (host: FakeHost) => void]>([
  ["the directory is gone", (host) => host.delete("/etc/ssh")],
  ["the disk is full", (host) => host.put("/etc/ssh/", { mount: { full: true } })],
])("a public half that cannot be put there (%s) is no loss", async (_, change) => {
  const host = createWorld(storedKeys());
  const { keys, result } = await installPrivate(host);
  change(host);
  if ("problem" in result) throw new Error("they were not installed");
  installPublicHalves(host, result, keys);
  expect(host.openDirs()).toEqual([]);
  expect(host.events.filter(({ type }) => type !== "debug" && type !== "host keys")).toEqual([]);
});

test("a certificate is copied beside its key and named", async () => {
  const fields = Buffer.from(good.ed25519.publicBlob.subarray(4 + "ssh-ed25519".length)).toString("base64");
  const certificate = `ssh-ed25519-cert-v01@openssh.com ${fields}\n`;
  const host = createWorld({ ...storedKeys(), "/volume/.ssh/ssh_host_ed25519_key-cert.pub": certificate });
  expect(await install(host)).toMatchObject([{ certificatePath: "/etc/ssh/ssh_host_ed25519_key-cert.pub" }, {}, {}]);
  expect(host.text("/etc/ssh/ssh_host_ed25519_key-cert.pub")).toBe(certificate);
});

test("when neither place can be written it is a problem, not a crash", async () => {
  const host = createWorld(storedKeys());
  host.failOn({ operation: "install host keys", call: "create" }, "every", "ENOSPC");
  expect(await install(host)).toMatchObject({
    problem: { what: "the host keys cannot be copied to where sshd reads them" },
  });
});

test("killed at any call, the next start ends with whole copies and nothing else", async () => {
  const all = createWorld(storedKeys());
  await install(all);
  for (let at = 1; at <= all.mutations(); at += 1) {
    for (const when of ["before", "halfway", "after"] as const) {
      const host = createWorld(storedKeys());
      host.crashAt(at, when);
      await expect(install(host)).rejects.toThrow("killed");
      const next = host.restart();
      await install(next);
      expect(next.snapshot("/etc/ssh"), `call ${at} ${when}`).toEqual(copies("/etc/ssh"));
    }
  }
});
